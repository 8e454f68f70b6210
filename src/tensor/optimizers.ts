import type { TensorInfo } from '@tensorflow/tfjs-core'
import type { Recording } from './recording.js'

/**
 * How weights follow their gradients.
 *
 * - `adam` (Kingma & Ba 2015): `beta1` up remembers directions longer, `beta2` up remembers sizes longer
 * - `rmsprop` (Hinton 2012): `decay` up remembers sizes longer
 * - `sgd`: `momentum` up remembers directions longer, 0 not at all
 *
 * Defaults are tfjs's: beta1 .9, beta2 .999, decay .9, momentum 0, epsilon 1e-7.
 */
export type OptimizerOptions =
  | { kind: 'adam'; beta1?: number; beta2?: number; epsilon?: number }
  | { kind: 'rmsprop'; decay?: number; momentum?: number; epsilon?: number }
  | { kind: 'sgd'; momentum?: number }

/** tfjs's epsilon of float32 backends. */
export const EPSILON = 1e-7

/** An optimiser as nodes: what it keeps of each weight, what it is told at each step, how it moves a weight. */
export interface RecordedOptimizer {
  /** What is kept beside each weight, of its shape, 0 at first. */
  slots: readonly string[]
  /** Numbers that each step needs. */
  inputs: readonly string[]
  /** The values of `inputs` at a step, counted from 1. */
  step(step: number, learningRate: number): number[]
  /** The weight and its slots after a step. */
  update(
    recording: Recording,
    weight: TensorInfo,
    gradient: TensorInfo,
    slots: readonly TensorInfo[],
    inputs: readonly TensorInfo[],
  ): TensorInfo[]
}

/** Makes an optimiser that a recorded program runs; it equals tfjs's but for rounding. */
export function recordedOptimizer(options: OptimizerOptions): RecordedOptimizer {
  switch (options.kind) {
    case 'adam':
      return adam(options)
    case 'rmsprop':
      return rmsprop(options)
    case 'sgd':
      return sgd(options)
  }
}

/**
 * Adam with its constants moved to where they cost nothing. With m' = m / (1 - beta1) and v' = v / (1 - beta2),
 *
 *   m' = beta1 m' + g,  v' = beta2 v' + g^2,  w = w - rate_t m' / (sqrt(v') + epsilon_t)
 *   epsilon_t = epsilon sqrt((1 - beta2^t) / (1 - beta2)),  rate_t = rate (1 - beta1) / (1 - beta1^t) epsilon_t / epsilon
 *
 * which is ten passes over the weights instead of fourteen, and the corrections of the bias are numbers of the step.
 */
function adam({
  beta1 = 0.9,
  beta2 = 0.999,
  epsilon = EPSILON,
}: OptimizerOptions & { kind: 'adam' }): RecordedOptimizer {
  return {
    slots: ['m', 'v'],
    inputs: ['adam/rate', 'adam/epsilon'],
    step: (step, learningRate) => {
      const scale = Math.sqrt((1 - beta2 ** step) / (1 - beta2))
      return [(learningRate * (1 - beta1) * scale) / (1 - beta1 ** step), epsilon * scale]
    },
    update: (recording, weight, gradient, [m = weight, v = weight], [rate = weight, small = weight]) => {
      const run = recording.formula
      const first = run('Add', run('Mul', m, beta1), gradient)
      const second = run('Add', run('Mul', v, beta2), run('Mul', gradient, gradient))
      const size = run('Add', run('Sqrt', second), small)
      return [run('Sub', weight, run('Mul', run('Div', first, size), rate)), first, second]
    },
  }
}

/** tfjs's form: s = decay s + (1 - decay) g^2, m = momentum m + rate g / sqrt(s + epsilon), w = w - m; s' = s / (1 - decay). */
function rmsprop({
  decay = 0.9,
  momentum = 0,
  epsilon = EPSILON,
}: OptimizerOptions & { kind: 'rmsprop' }): RecordedOptimizer {
  const scale = Math.sqrt(1 - decay)
  return {
    slots: momentum === 0 ? ['s'] : ['s', 'm'],
    inputs: ['rmsprop/rate'],
    step: (_step, learningRate) => [learningRate / scale],
    update: (recording, weight, gradient, [s = weight, m], [rate = weight]) => {
      const run = recording.formula
      const square = run('Add', run('Mul', s, decay), run('Mul', gradient, gradient))
      const size = run('Sqrt', run('Add', square, epsilon / (1 - decay)))
      const move = run('Mul', run('Div', gradient, size), rate)
      if (!m) return [run('Sub', weight, move), square]
      const carried = run('Add', run('Mul', m, momentum), move)
      return [run('Sub', weight, carried), square, carried]
    },
  }
}

/** m = momentum m + g, w = w - rate m. */
function sgd({ momentum = 0 }: OptimizerOptions & { kind: 'sgd' }): RecordedOptimizer {
  return {
    slots: momentum === 0 ? [] : ['m'],
    inputs: ['sgd/rate'],
    step: (_step, learningRate) => [learningRate],
    update: (recording, weight, gradient, [m], [rate = weight]) => {
      const run = recording.formula
      const carried = m ? run('Add', run('Mul', m, momentum), gradient) : gradient
      const next = run('Sub', weight, run('Mul', carried, rate))
      return m ? [next, carried] : [next]
    },
  }
}
