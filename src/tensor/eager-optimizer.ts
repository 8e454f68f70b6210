import type * as tf from '@tensorflow/tfjs-core'
import { EPSILON, type OptimizerOptions } from './optimizers.js'

/** An optimiser that moves tfjs variables at once. */
export interface EagerOptimizer {
  /** @param gradients by the variables' names */
  apply(gradients: tf.NamedTensorMap, learningRate: number): void
  dispose(): void
}

/** Makes tfjs's own optimiser, for variables that tfjs's registry does not hold. */
export function eagerOptimizer(
  tfjs: typeof tf,
  options: OptimizerOptions,
  variables: readonly tf.Variable[],
): EagerOptimizer {
  const { optimizer, setRate } = make(tfjs, options)
  const registry = tfjs.engine().registeredVariables
  return {
    apply(gradients, learningRate) {
      setRate(learningRate)
      // tfjs finds variables by name only; other models may use the same names, so they are there for this call alone
      const others = variables.map(({ name }) => registry[name])
      for (const variable of variables) registry[variable.name] = variable
      try {
        optimizer.applyGradients(gradients)
      } finally {
        variables.forEach(({ name }, at) => {
          const other = others[at]
          if (other) registry[name] = other
          else delete registry[name]
        })
      }
    },
    dispose: () => optimizer.dispose(),
  }
}

function make(
  tfjs: typeof tf,
  options: OptimizerOptions,
): { optimizer: tf.Optimizer; setRate: (rate: number) => void } {
  switch (options.kind) {
    case 'adam': {
      const { beta1 = 0.9, beta2 = 0.999, epsilon = EPSILON } = options
      return withField(tfjs.train.adam(0, beta1, beta2, epsilon))
    }
    case 'rmsprop': {
      const { decay = 0.9, momentum = 0, epsilon = EPSILON } = options
      return withField(tfjs.train.rmsprop(0, decay, momentum, epsilon))
    }
    case 'sgd': {
      const { momentum = 0 } = options
      const optimizer = momentum === 0 ? tfjs.train.sgd(0) : tfjs.train.momentum(0, momentum)
      return { optimizer, setRate: (rate) => optimizer.setLearningRate(rate) }
    }
  }
}

/** These read the rate of a field at each step; tfjs's layers set it in the same way. */
function withField(optimizer: tf.Optimizer): { optimizer: tf.Optimizer; setRate: (rate: number) => void } {
  return {
    optimizer,
    setRate: (rate) => Object.assign(optimizer, { learningRate: rate }),
  }
}
