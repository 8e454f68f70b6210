import { InferenceSession, Tensor } from 'onnxruntime-node'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ImageEncoderModel } from '#src/core/image-encoder.js'
import { seededRandom } from '#src/core/random.js'
import { type FitOptions, fitImageEncoder } from '#src/encoders/images/fit-image-encoder.js'
import { loadImageEncoder } from '#src/encoders/images/load-image-encoder.js'
import { chooseArchitecture } from '#src/encoders/images/models/choose-architecture.js'
import { Schedule } from '#src/encoders/images/models/schedule.js'
import { drawnColourImages, drawnImages, pngOf } from '../../support/drawn-images.js'

const SIDE = 24
const COUNT = 240

let files: Uint8Array[]

beforeAll(async () => {
  files = (await drawnColourImages(COUNT, 1, SIDE)).map(({ png }) => png)
})

function fitted(options: FitOptions, images = files): Promise<ImageEncoderModel> {
  const source = {
    count: images.length,
    async *batches() {
      yield images
    },
  }
  return fitImageEncoder(source, options)
}

describe('which architecture', () => {
  it('is dense for small grey pictures, convolutional for larger ones and for colour', () => {
    const kind = (size: number, channels: 1 | 3) => chooseArchitecture({ size, channels }, 8).kind
    expect([kind(28, 1), kind(32, 1)]).toEqual(['dense', 'dense'])
    expect([kind(36, 1), kind(8, 3), kind(64, 3)]).toEqual(['conv', 'conv', 'conv'])
  })

  it('grows with the picture', () => {
    const filters = (size: number) => {
      const chosen = chooseArchitecture({ size, channels: 3 }, 8)
      return chosen.kind === 'conv' ? chosen.filters : []
    }
    expect(filters(8)).toEqual([16])
    expect(filters(28)).toEqual([16, 32])
    expect(filters(64)).toEqual([16, 32, 64])
    expect(filters(128)).toEqual([16, 32, 64, 128])
  })

  it('is kept in the settings', async () => {
    const grey = (await drawnImages(40)).map(({ png }) => png)
    const dense = await fitted({ kind: 'autoencoder', dim: 2, epochs: 1 }, grey)
    expect(dense.settings.architecture).toEqual({ kind: 'dense', hidden: [512, 128] })
    const conv = await fitted({ kind: 'autoencoder', dim: 2, epochs: 1 })
    expect(conv.settings.architecture).toEqual({ kind: 'conv', filters: [16, 32] })
    // an encoder that was stored before there was a choice
    const { architecture: _, ...before } = dense.settings
    const encoder = await loadImageEncoder({ ...dense, settings: { ...before, hidden: [512, 128] } })
    expect((await encoder.encode(grey.slice(0, 1)))[0]?.vector).toHaveLength(2)
    await encoder.dispose()
  })
})

describe('a convolutional autoencoder of colour pictures', () => {
  let model: ImageEncoderModel

  beforeAll(async () => {
    model = await fitted({ kind: 'autoencoder', dim: 12, epochs: 60 })
  })

  it('begins as principal components and loses less from there', () => {
    const losses = model.report.losses as number[]
    expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0)
    expect(model.report.heldOutError).toBeLessThan(model.report.pcaError as number)
  })

  it('learns what lines cannot say, where there are pictures enough', async () => {
    // one disc of one size: where it is takes two numbers, but many components
    const random = seededRandom(5)
    const discs = await Promise.all(
      Array.from({ length: 500 }, () => {
        const [x, y] = [6 + 12 * random.uniform(), 6 + 12 * random.uniform()]
        const pixels = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => {
          const at = Math.floor(i / 3)
          const inside = Math.hypot((at % SIDE) - x, Math.floor(at / SIDE) - y) < 5
          return inside ? ([230, 120, 40][i % 3] ?? 0) : 20
        })
        return pngOf(pixels, SIDE, 3)
      }),
    )
    const { report } = await fitted({ kind: 'autoencoder', dim: 4, epochs: 60 }, discs)
    expect(report.heldOutError).toBeLessThan(0.6 * (report.pcaError as number))
  })

  it('is exported as files that plain ONNX Runtime runs on any number of pictures', async () => {
    const encoder = await InferenceSession.create(model.files['encoder.onnx'] as Uint8Array)
    const decoder = await InferenceSession.create(model.files['decoder.onnx'] as Uint8Array)
    for (const count of [1, 5]) {
      const pixels = new Float32Array(count * SIDE * SIDE * 3).fill(0.5)
      const image = new Tensor('float32', pixels, [count, SIDE, SIDE, 3])
      const { latent } = await encoder.run({ image })
      expect(latent?.dims).toEqual([count, 12])
      const decoded = await decoder.run({ latent: latent as Tensor })
      expect(decoded.image?.dims).toEqual([count, SIDE, SIDE, 3])
      const values = decoded.image?.data as Float32Array
      expect(values.every((value) => value >= 0 && value <= 1)).toBe(true)
    }
    await encoder.release()
    await decoder.release()
  })

  it('repeats with its seed', async () => {
    const of = (seed: number) => fitted({ kind: 'autoencoder', dim: 4, epochs: 2, seed })
    const [a, b, c] = [await of(1), await of(1), await of(2)]
    expect(a.id).toBe(b.id)
    expect(a.id).not.toBe(c.id)
  })

  it('learns from pictures of odd sides, blackened at random', async () => {
    const odd = (await drawnColourImages(60, 2, 13)).map(({ png }) => png)
    const { report } = await fitted({ kind: 'autoencoder', dim: 4, size: 13, epochs: 20, denoise: 0.1 }, odd)
    const losses = report.losses as number[]
    expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0)
  })
})

describe('a convolutional VAE of colour pictures', () => {
  it('uses its dimensions and reconstructs', async () => {
    const { report, files: parts } = await fitted({ kind: 'vae', dim: 12, epochs: 80 })
    const losses = report.losses as number[]
    expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0)
    expect(report.kl).toHaveLength(12)
    expect(report.dimensionsInUse).toBeGreaterThanOrEqual(6)
    expect(report.heldOutError).toBeLessThan(0.03)
    const encoder = await InferenceSession.create(parts['encoder.onnx'] as Uint8Array)
    expect(encoder.outputNames).toEqual(['latent', 'logVar'])
    await encoder.release()
  })
})

describe('the learning rate', () => {
  it('rises, stays level and falls to nearly nothing', () => {
    const schedule = new Schedule({ epochs: 100, stepsPerEpoch: 10 })
    const [start, level, later, end] = [0, 150, 400, 999].map((step) => schedule.rate(step)) as number[]
    expect(start).toBeLessThan(0.1 * (level ?? 0))
    expect(later).toBe(level)
    expect(end).toBeLessThan(0.05 * (level ?? 0))
    expect([schedule.falls(50), schedule.falls(51)]).toEqual([false, true])
  })

  it('falls earlier, and the run ends earlier, where nothing more is learned', () => {
    const schedule = new Schedule({ epochs: 100, stepsPerEpoch: 10 })
    const level = schedule.rate(150)
    schedule.fallAfter(20)
    expect(schedule.epochs).toBe(26)
    expect(schedule.rate(200)).toBe(level)
    expect(schedule.rate(259)).toBeLessThan(0.05 * level)
    const late = new Schedule({ epochs: 100, stepsPerEpoch: 10 })
    late.fallAfter(95)
    expect(late.epochs).toBe(100)
  })

  it('lets the KL term in slowly', () => {
    const schedule = new Schedule({ epochs: 100, stepsPerEpoch: 10 })
    expect([0, 50, 100, 500].map((step) => schedule.warmth(step))).toEqual([0, 0.5, 1, 1])
  })
})
