import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ImageEncoder, ImageEncoderModel } from '#src/core/image-encoder.js'
import { fitImageEncoder } from '#src/encoders/images/fit-image-encoder.js'
import { loadImageEncoder } from '#src/encoders/images/load-image-encoder.js'
import { plainDescriptor } from '#src/encoders/images/plain-descriptor.js'
import { encodePng } from '#src/images/encode-png.js'
import { drawn } from '../../support/detection-rows.js'

const SIDE = 16

/** Pictures of noise that is laid over slopes. */
function pictures(channels: 1 | 3, count: number): Promise<Uint8Array[]> {
  const noise = drawn(count * SIDE * SIDE * channels, 3)
  const made = Array.from({ length: count }, (_, i) => {
    const values = Uint8Array.from({ length: SIDE * SIDE * channels }, (_, at) => {
      const slope = 8 * (Math.floor(at / channels) % SIDE) + 40 * (at % channels)
      return Math.min(255, Math.max(0, slope + 30 * (noise[i * SIDE * SIDE * channels + at] ?? 0)))
    })
    return encodePng({ width: SIDE, height: SIDE, channels, values })
  })
  return Promise.all(made)
}

describe.each([1, 3] as const)('descriptors side by side, of pictures of %d channels', (channels) => {
  let files: Uint8Array[]
  let models: ImageEncoderModel[]
  let alone: ImageEncoder[]
  let together: ImageEncoder

  beforeAll(async () => {
    files = await pictures(channels, 40)
    const source = {
      count: files.length,
      async *batches() {
        yield files
      },
    }
    models = [
      await fitImageEncoder(source, { kind: 'descriptor' }),
      await fitImageEncoder(source, { kind: 'descriptor', strangers: true, seed: 2 }),
      await plainDescriptor(files),
    ]
    const [first, ...beside] = models
    if (!first) throw new Error('there are three models')
    alone = await Promise.all(models.map((model) => loadImageEncoder(model, { threads: 1 })))
    together = await loadImageEncoder(first, { threads: 1, beside })
  })
  afterAll(async () => {
    for (const encoder of [...alone, together]) await encoder.dispose()
  })

  it('say of every picture what each says alone', async () => {
    expect(new Set(models.map(({ dim }) => dim)).size).toBeGreaterThan(1)
    const all = await together.encode(files)
    for (const [m, encoder] of alone.entries()) {
      const own = await encoder.encode(files)
      expect(all.map((image) => (m === 0 ? image.vector : image.beside?.[m - 1]?.vector))).toEqual(
        own.map(({ vector }) => vector),
      )
    }
  })
})
