import type * as tf from '@tensorflow/tfjs-core'
import type { Random } from '#src/core/random.js'
import type { InputShape } from '#src/encoders/images/choose-shape.js'
import { type Architecture, partsOf } from '#src/encoders/images/models/choose-architecture.js'
import { convArchitecture } from '#src/encoders/images/models/conv-parts.js'
import { denseArchitecture } from '#src/encoders/images/models/dense-parts.js'
import { buildImageModel, type ImageModel } from '#src/encoders/images/models/image-model.js'

export const SHAPE: InputShape = { size: 28, channels: 1 }
export const DIM = 32

/**
 * The autoencoders that are timed, as `kindred train` makes them of 28 x 28 pictures: 784-512-128-32-128-512-784; and
 * convolutions of 16 and 32 filters with stride 2, a dense layer to 32, and the same mirrored.
 */
export const MODELS: Readonly<Record<string, (tfjs: typeof tf, random: Random) => ImageModel>> = {
  dense: autoencoder(denseArchitecture(SHAPE, DIM)),
  convolutional: autoencoder(convArchitecture(SHAPE)),
}

function autoencoder(architecture: Architecture): (tfjs: typeof tf, random: Random) => ImageModel {
  const parts = partsOf(architecture, SHAPE, { dim: DIM, outputs: DIM, silent: false })
  return buildImageModel(parts, { dim: DIM, variational: false, denoise: false })
}
