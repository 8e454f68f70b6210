import type { ImageEncoderModel } from '../../../core/image-encoder.js'
import type { InputShape } from '../choose-shape.js'
import { shapeOf } from '../onnx-image-model.js'
import { DescriptorBlocks } from './descriptor-blocks.js'
import { readWords, WORDS_FILE } from './gradient-words.js'
import { normalizeBlocks } from './normalize-blocks.js'
import { PROJECTED, PROJECTION_FILE, readProjector } from './projection.js'

/**
 * What the part beyond the components counts, of a descriptor for strangers: of strangers it is larger than of any neighbour, but
 * a distance sees only by how much. 2 ranked better than 1 in classes of Fashion-MNIST, with all numbers of components.
 */
const BEYOND = 2

export type DescriptorModel = Pick<ImageEncoderModel, 'dim' | 'settings' | 'files'>

/** A descriptor that is loaded. It computes on the thread that calls it. */
export interface LoadedDescriptor {
  shape: InputShape
  /** @param pixels shape [images, size, size, channels] @returns vectors of length 1, but of a model for strangers */
  encode(pixels: Uint8Array, images: number): Float32Array[]
}

/** Several that look at the same pixels: what they have in common is computed once. */
export interface LoadedDescriptors {
  shape: InputShape
  /** @returns for each model, in order, what {@link LoadedDescriptor.encode} does */
  encode(pixels: Uint8Array, images: number): Float32Array[][]
}

/** @throws EngineError ENCODER_INVALID */
export function loadDescriptor(model: DescriptorModel): LoadedDescriptor {
  const { shape, encode } = loadDescriptors([model])
  return { shape, encode: (pixels, images) => encode(pixels, images)[0] ?? [] }
}

/**
 * @param models of one shape, at least one
 * @throws EngineError ENCODER_INVALID
 */
export function loadDescriptors(models: readonly [DescriptorModel, ...DescriptorModel[]]): LoadedDescriptors {
  const shape = shapeOf(models[0].settings)
  const pixelsOfOne = shape.size * shape.size * shape.channels
  const parts = models.map((model) => loadPart(model, shape))
  const [first] = parts
  return {
    shape,
    encode(pixels, images) {
      const vectors: Float32Array[][] = parts.map(() => [])
      for (let from = 0; from < images; from += PROJECTED) {
        const count = Math.min(PROJECTED, images - from)
        for (let i = 0; i < count; i++) {
          const own = pixels.subarray((from + i) * pixelsOfOne, (from + i + 1) * pixelsOfOne)
          for (const { blocks, raw } of parts) {
            const common = blocks === first?.blocks ? undefined : first?.raw.subarray(i * first.blocks.length)
            blocks.compute(own, raw, i * blocks.length, common)
          }
        }
        for (const [p, part] of parts.entries()) vectors[p]?.push(...part.finish(count))
      }
      return vectors
    },
  }
}

/** What is a model's own. */
interface Part {
  blocks: DescriptorBlocks
  /** Shape [PROJECTED, length]. */
  raw: Float32Array
  /** Makes vectors of the blocks of so many pictures, which are changed. */
  finish(count: number): Float32Array[]
}

function loadPart({ dim, settings, files }: DescriptorModel, shape: InputShape): Part {
  const words = files[WORDS_FILE]
  const strangers = settings.strangers === true
  const blocks = new DescriptorBlocks(shape, words && readWords(words))
  const { length } = blocks
  const file = files[PROJECTION_FILE]
  const components = strangers ? dim - 1 : dim
  const projector = file && readProjector(file, { length, dim: components })
  const centre = strangers ? undefined : projector?.centre
  const raw = new Float32Array(PROJECTED * length)
  return {
    blocks,
    raw,
    finish(count) {
      const rows = raw.subarray(0, count * length)
      const rowOf = (i: number): Float32Array => rows.subarray(i * length, (i + 1) * length)
      for (let i = 0; i < count; i++) normalizeBlocks(rowOf(i), blocks.blocks, centre)
      if (!projector) return Array.from({ length: count }, (_, i) => unit(rowOf(i).slice()))
      const vectors: Float32Array[] = []
      projector.project(rows, (i, found) => {
        const vector = new Float32Array(dim)
        vector.set(found)
        if (strangers) vector[components] = BEYOND * beyond(rowOf(i), found)
        vectors.push(strangers ? vector : unit(vector))
      })
      return vectors
    },
  }
}

/** How much of centred blocks their components leave out. */
function beyond(centred: Float32Array, components: Float32Array): number {
  let squares = 0
  for (const value of centred) squares += value * value
  for (const value of components) squares -= value * value
  return Math.sqrt(Math.max(0, squares))
}

function unit(vector: Float32Array): Float32Array {
  let squares = 0
  for (const value of vector) squares += value * value
  if (squares === 0) {
    // nothing to see: a direction of its own, since cosine needs one
    vector[0] = 1
    return vector
  }
  const scale = 1 / Math.sqrt(squares)
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] as number) * scale
  return vector
}
