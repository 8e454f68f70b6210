import * as tf from '@tensorflow/tfjs-core'
import type { TrainableModel } from './trainable-model.js'

/** Gives each weight of a model, which is being recorded, a tensor of its own, and its name free to other models. */
export function ownWeights({ weights }: Pick<TrainableModel, 'weights'>): void {
  const seen = new Set<object>()
  for (const variable of weights.values()) {
    // two variables made of one tensor share it until one of them changes
    if (seen.has(variable.dataId)) variable.assign(tf.clone(variable))
    seen.add(variable.dataId)
    delete tf.engine().registeredVariables[variable.name]
  }
}
