import type * as tf from '@tensorflow/tfjs-core'
import type { Random } from '../core/random.js'

/** How random numbers are spread: normal with mean 0 and deviation 1, or uniform in [0, 1). */
export type NoiseKind = 'normal' | 'uniform'

/** What a step gives a model beside its images. */
export interface StepContext {
  /** Numbers of this step, by name: `learningRate`, and those that the trainer was told of. */
  inputs: Record<string, tf.Scalar>
  /**
   * Seeded random numbers, fresh at each step. Where `training` is false they are constant: 0 if normal, 0.5 if uniform.
   *
   * @param name tells one draw of a step from another
   * @param shape its first dimension is drawn row by row, so [batch, …] costs one row number an image
   */
  noise(name: string, shape: number[], kind: NoiseKind): tf.Tensor
  /** Whether weights are about to be changed; false while a model is only measured. */
  training: boolean
}

/** What a step gives: what to make small, and whatever else is worth knowing, as scalars. */
export type StepMetrics = { loss: tf.Scalar } & Record<string, tf.Scalar>

/**
 * A model written against tfjs once, for every engine. It must not use tfjs's own random functions, nor read numbers of
 * tensors, and every step must run the same operations.
 */
export interface TrainableModel {
  /**
   * Everything that is learned or carried from step to step, by name. What is not `trainable` keeps what `loss` assigns
   * to it while training (moving averages).
   */
  weights: ReadonlyMap<string, tf.Variable>
  /** @param images [batch, height, width, channels] in 0..1 */
  loss(images: tf.Tensor4D, context: StepContext): StepMetrics
}

/**
 * Makes a model.
 *
 * @param tfjs the tfjs to build with: of the engine that will run it
 * @param random for first weights
 */
export type BuildModel = (tfjs: typeof tf, random: Random) => TrainableModel
