import type { ImageEncoderModel } from '../../../core/image-encoder.js'
import type { InputShape } from '../choose-shape.js'
import { shapeOf } from '../onnx-image-model.js'
import { DescriptorBlocks } from './descriptor-blocks.js'
import { readWords, WORDS_FILE } from './gradient-words.js'
import { normalizeBlocks } from './normalize-blocks.js'
import { PROJECTION_FILE, project, readProjection } from './projection.js'

/** A descriptor that is loaded. It computes on the thread that calls it. */
export interface LoadedDescriptor {
  shape: InputShape
  /** @param pixels shape [images, size, size, channels] @returns vectors of length 1, but of a model for strangers */
  encode(pixels: Uint8Array, images: number): Float32Array[]
}

/** @throws EngineError ENCODER_INVALID */
export function loadDescriptor({
  dim,
  settings,
  files,
}: Pick<ImageEncoderModel, 'dim' | 'settings' | 'files'>): LoadedDescriptor {
  const shape = shapeOf(settings)
  const words = files[WORDS_FILE]
  const blocks = new DescriptorBlocks(shape, words && readWords(words))
  const { length } = blocks
  const file = files[PROJECTION_FILE]
  const projection = file && readProjection(file, { length, dim })
  const pixelsOfOne = shape.size * shape.size * shape.channels
  const raw = new Float32Array(length)
  const strangers = settings.strangers === true
  return {
    shape,
    encode: (pixels, images) =>
      Array.from({ length: images }, (_, i) => {
        blocks.compute(pixels.subarray(i * pixelsOfOne, (i + 1) * pixelsOfOne), raw, 0)
        normalizeBlocks(raw, blocks.blocks, strangers ? undefined : projection?.centre)
        const vector = new Float32Array(projection ? dim : length)
        if (projection) project(raw, projection, vector)
        else vector.set(raw)
        return strangers ? vector : unit(vector)
      }),
  }
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
