import type { InputShape } from '../choose-shape.js'
import { type ConvArchitecture, convArchitecture, convParts } from './conv-parts.js'
import { type DenseArchitecture, denseArchitecture, denseParts } from './dense-parts.js'
import type { BuildParts, PartsOptions } from './image-parts.js'

/** What an autoencoder's halves are made of; kept in the encoder's settings. */
export type Architecture = DenseArchitecture | ConvArchitecture

/** Grey pictures up to this side have so few pixels that dense layers are faster, and learn as well. */
const DENSE_SIDE = 32

/** Dense layers for grey pictures of at most 32 x 32 pixels, convolutions for larger ones and for colour. */
export function chooseArchitecture(shape: InputShape, dim: number): Architecture {
  return shape.channels === 1 && shape.size <= DENSE_SIDE
    ? denseArchitecture(shape, dim)
    : convArchitecture(shape)
}

/** How to build the halves. */
export function partsOf(architecture: Architecture, shape: InputShape, options: PartsOptions): BuildParts {
  return architecture.kind === 'dense'
    ? denseParts(architecture, shape, options)
    : convParts(architecture, shape, options)
}
