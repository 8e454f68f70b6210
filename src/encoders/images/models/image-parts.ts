import type * as tf from '@tensorflow/tfjs-core'
import type { Random } from '../../../core/random.js'

/** The two halves of an autoencoder, whatever they are made of. */
export interface ImageParts {
  /** What is learned, by name. */
  weights: Map<string, tf.Variable>
  /** @param images [batch, size, size, channels] in 0..1 @returns [batch, dim], or twice as wide where a variance is learned */
  encode(images: tf.Tensor4D): tf.Tensor2D
  /**
   * @param latent [batch, dim]
   * @returns [batch, size, size, channels]: logits, or what a linear part lacks
   */
  decode(latent: tf.Tensor2D): tf.Tensor4D
}

/** What parts are made for. */
export interface PartsOptions {
  dim: number
  /** Of the encoder: `dim`, or twice as many where it gives a variance too. */
  outputs: number
  /** Whether both halves give zeros at first, as what is added to something that is good already should. */
  silent: boolean
}

export type BuildParts = (tfjs: typeof tf, random: Random) => ImageParts
