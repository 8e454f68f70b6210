import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { IMAGE_ENCODERS, type ImageEncoder, type ImageEncoderModel } from '#src/core/image-encoder.js'
import { seededRandom } from '#src/core/random.js'
import { exportEncoder } from '#src/encoders/images/export-encoder.js'
import { fitImageEncoder, type ImageSource } from '#src/encoders/images/fit-image-encoder.js'
import { loadImageEncoder } from '#src/encoders/images/load-image-encoder.js'
import { plainDescriptor } from '#src/encoders/images/plain-descriptor.js'
import { encodePng } from '#src/images/encode-png.js'
import { OnnxProgram } from '#src/tensor/onnx-program.js'
import { type DrawnImage, drawnImages, pngOf } from '../../support/drawn-images.js'

const SIDE = 16

function sourceOf(images: readonly Uint8Array[]): ImageSource {
  return {
    count: images.length,
    async *batches() {
      for (let from = 0; from < images.length; from += 50) yield images.slice(from, from + 50)
    },
  }
}

function cosine(a: Float32Array, b: Float32Array): number {
  const sum = (x: Float32Array, y: Float32Array) => x.reduce((total, v, i) => total + v * (y[i] ?? 0), 0)
  return sum(a, b) / Math.sqrt(sum(a, a) * sum(b, b))
}

let drawn: DrawnImage[]
let files: Uint8Array[]

beforeAll(async () => {
  drawn = await drawnImages(300)
  files = drawn.slice(0, 150).map(({ png }) => png)
})

describe.each(['plain descriptor', ...IMAGE_ENCODERS] as const)('%s', (kind) => {
  let model: ImageEncoderModel
  let encoder: ImageEncoder

  beforeAll(async () => {
    const labels = drawn.slice(0, files.length).map(({ shape }) => shape)
    model =
      kind === 'plain descriptor'
        ? await plainDescriptor(files.slice(0, 20))
        : await fitImageEncoder(sourceOf(files), {
            kind,
            labels,
            ...(kind === 'descriptor' ? {} : { dim: 6 }),
            ...(kind === 'pca' || kind === 'descriptor' ? {} : { epochs: 30 }),
          })
    encoder = await loadImageEncoder(model, { threads: 2 })
  })
  afterAll(() => encoder.dispose())

  it('gives finite vectors of its dimension, the same alone and in any batch', async () => {
    const together = await encoder.encode(files.slice(0, 70))
    const again = await encoder.encode(files.slice(0, 70))
    const [alone] = await encoder.encode(files.slice(40, 41))
    expect(together).toHaveLength(70)
    expect(again).toEqual(together)
    for (const { vector } of together) {
      expect(vector).toHaveLength(encoder.dim)
      expect(vector.every(Number.isFinite)).toBe(true)
      if (encoder.unit) expect(Math.hypot(...vector)).toBeCloseTo(1, 4)
    }
    expect(
      cosine(alone?.vector ?? new Float32Array(), together[40]?.vector ?? new Float32Array()),
    ).toBeGreaterThan(0.99999)
    expect(await encoder.encode([])).toEqual([])
  })

  it('puts pictures of one shape nearer to each other than to others', async () => {
    const encoded = await encoder.encode(files.slice(0, 90))
    let [same, other, sameCount, otherCount] = [0, 0, 0, 0]
    for (let i = 0; i < 90; i++) {
      for (let j = 0; j < i; j++) {
        const [a, b] = [encoded[i]?.vector, encoded[j]?.vector]
        const found = cosine(a ?? new Float32Array(), b ?? new Float32Array())
        if (drawn[i]?.shape === drawn[j]?.shape) [same, sameCount] = [same + found, sameCount + 1]
        else [other, otherCount] = [other + found, otherCount + 1]
      }
    }
    expect(same / sameCount).toBeGreaterThan(other / otherCount)
  })

  it('names the picture that cannot be decoded, and stops when it is told to', async () => {
    const broken = [...files.slice(0, 40), (files[0] as Uint8Array).subarray(0, 50), ...files.slice(0, 9)]
    await expect(encoder.encode(broken)).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      details: { index: 40 },
    })
    const signal = AbortSignal.abort()
    await expect(encoder.encode(files, { signal })).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  it.runIf(kind === 'autoencoder' || kind === 'vae')('reports what was learned', () => {
    const losses = model.report.losses as number[]
    expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0)
    expect(model.report).toMatchObject({
      diverged: false,
      heldOutError: expect.any(Number),
      pcaError: expect.any(Number),
    })
    if (kind === 'vae') expect(model.report.kl).toHaveLength(6)
  })

  it.runIf(kind !== 'plain descriptor' && kind !== 'descriptor')(
    'finds noise stranger than what it was fitted on, and is exported as ONNX',
    async () => {
      const random = seededRandom(9)
      const noise = await pngOf(
        Uint8Array.from({ length: SIDE * SIDE }, () => random.int(256)),
        SIDE,
      )
      const [strange, usual] = await encoder.encode([noise, files[0] as Uint8Array])
      expect(strange?.reconstruction?.score).toBeGreaterThan(usual?.reconstruction?.score ?? 0)
      expect((model.settings.held as { scores: number[] }).scores).toHaveLength(101)
      const folder = await mkdtemp(join(tmpdir(), 'kindred-export-'))
      try {
        expect(await exportEncoder(model, folder)).toEqual(['encoder.onnx', 'decoder.onnx', 'README.md'])
        const program = await OnnxProgram.create(await readFile(join(folder, 'encoder.onnx')))
        const image = { data: new Float32Array(3 * SIDE * SIDE).fill(0.5), dims: [3, SIDE, SIDE, 1] }
        expect((await program.run({ image })).latent?.dims).toEqual([3, model.dim])
        await program.dispose()
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    },
  )
})

describe('fitting', () => {
  it('gives the same encoder for the same seed, and another for another', async () => {
    const fitted = (seed: number) =>
      fitImageEncoder(sourceOf(files.slice(0, 60)), { kind: 'autoencoder', dim: 4, epochs: 2, seed })
    const [a, b, c] = [await fitted(1), await fitted(1), await fitted(2)]
    expect(a.id).toBe(b.id)
    expect(a.id).not.toBe(c.id)
  })

  it('refuses what cannot be fitted, and ends when it is cancelled', async () => {
    const tried = (images: readonly Uint8Array[], options: { dim?: number; signal?: AbortSignal } = {}) =>
      fitImageEncoder(sourceOf(images), { kind: 'autoencoder', ...options })
    const few = { code: 'TOO_FEW_IMAGES' }
    await expect(tried([])).rejects.toMatchObject(few)
    await expect(tried(files.slice(0, 1))).rejects.toMatchObject(few)
    await expect(tried(new Array<Uint8Array>(9).fill(files[0] as Uint8Array))).rejects.toMatchObject(few)
    await expect(tried(files.slice(0, 10), { dim: 11 })).rejects.toMatchObject(few)
    const controller = new AbortController()
    const running = fitImageEncoder(sourceOf(files.slice(0, 60)), {
      kind: 'vae',
      epochs: 1_000,
      signal: controller.signal,
      onProgress: ({ epoch }) => epoch !== undefined && controller.abort(),
    })
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  it('gives of a VAE the negative evidence lower bound of each picture, larger for strangers', async () => {
    const discs = drawn.filter(({ shape }) => shape === 'disc').map(({ png }) => png)
    const model = await fitImageEncoder(sourceOf(discs), { kind: 'vae', dim: 4, epochs: 60 })
    const held = model.settings.heldNelbo as { scores: number[]; count: number }
    expect(held.count).toBeGreaterThan(0)
    const encoder = await loadImageEncoder(model)
    try {
      const random = seededRandom(5)
      const noise = Uint8Array.from({ length: 24 * 24 }, () => random.int(256))
      const strange = await encodePng({ width: 24, height: 24, channels: 1, values: noise })
      const [usual, odd] = await encoder.encode([discs[0] as Uint8Array, strange])
      expect(usual?.reconstruction?.nelbo).toBeGreaterThan(0)
      expect(odd?.reconstruction?.nelbo).toBeGreaterThan(held.scores.at(-1) ?? 0)
    } finally {
      await encoder.dispose()
    }
  })

  it('describes strangers as further from a collection of one kind than its own', async () => {
    const discs = drawn.filter(({ shape }) => shape === 'disc').map(({ png }) => png)
    const known = discs.slice(0, 80)
    const model = await fitImageEncoder(sourceOf(known), { kind: 'descriptor', strangers: true })
    expect(model).toMatchObject({ unit: false, settings: { strangers: true } })
    const encoder = await loadImageEncoder(model)
    try {
      const others = drawn.filter(({ shape }) => shape !== 'disc').map(({ png }) => png)
      const vectorsOf = async (images: Uint8Array[]) =>
        (await encoder.encode(images)).map(({ vector }) => vector)
      const base = await vectorsOf(known)
      const nearest = (vector: Float32Array) =>
        Math.min(...base.map((other) => Math.hypot(...vector.map((value, i) => value - (other[i] ?? 0)))))
      const own = (await vectorsOf(discs.slice(80))).map(nearest).sort((a, b) => a - b)
      const strange = (await vectorsOf(others.slice(0, 40))).map(nearest).sort((a, b) => a - b)
      expect(strange[4] ?? 0).toBeGreaterThan(own[own.length - 1] ?? 1)
    } finally {
      await encoder.dispose()
    }
  })

  it('does not export the descriptor', async () => {
    const model = await plainDescriptor(files.slice(0, 2))
    await expect(exportEncoder(model, tmpdir())).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })
})
