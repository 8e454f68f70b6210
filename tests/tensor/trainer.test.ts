import type * as tf from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '#src/core/random.js'
import { createTrainer } from '#src/tensor/create-trainer.js'
import type { BuildModel } from '#src/tensor/trainable-model.js'

const SIDE = 6
const COUNT = 64
const BATCH = 16

function images(): Uint8Array {
  const random = seededRandom(3)
  return Uint8Array.from({ length: COUNT * SIDE * SIDE }, () => random.int(256))
}

const build: BuildModel = (tfjs, random) => {
  const variable = (shape: [number, number]) =>
    tfjs.variable(
      tfjs.tensor(
        Float32Array.from({ length: shape[0] * shape[1] }, () => 0.2 * random.normal()),
        shape,
      ),
    )
  const down = variable([SIDE * SIDE, 8])
  const up = variable([8, SIDE * SIDE])
  return {
    weights: new Map([
      ['down', down],
      ['up', up],
    ]),
    loss(batch) {
      const flat = tfjs.reshape(batch, [batch.shape[0], SIDE * SIDE])
      const picture = tfjs.sigmoid(tfjs.matMul(tfjs.relu(tfjs.matMul(flat, down)), up))
      return { loss: tfjs.mean(tfjs.squaredDifference(picture, flat)) as tf.Scalar }
    },
  }
}

const options = {
  build,
  shape: [SIDE, SIDE, 1] as const,
  batch: BATCH,
  optimizer: { kind: 'adam' as const },
  images: images(),
  seed: 5,
}
const STEPS = 20
const rows = Int32Array.from({ length: STEPS * BATCH }, (_, i) => (i * 7) % COUNT)
const learningRate = new Float32Array(STEPS).fill(0.01)

async function losses(): Promise<number[]> {
  const trainer = await createTrainer(options)
  try {
    return Array.from((await trainer.train(rows, { learningRate })).loss ?? [])
  } finally {
    await trainer.dispose()
  }
}

/** a (shape [n, k]) times b (shape [k, m]), either of them turned first. */
function product(a: number[][], b: number[][]): number[][] {
  return a.map((row) => (b[0] ?? []).map((_, j) => row.reduce((sum, x, k) => sum + x * (b[k]?.[j] ?? 0), 0)))
}

function turned(a: number[][]): number[][] {
  return (a[0] ?? []).map((_, j) => a.map((row) => row[j] ?? 0))
}

function each(a: number[][], of: (x: number, i: number, j: number) => number): number[][] {
  return a.map((row, i) => row.map((x, j) => of(x, i, j)))
}

/** The same run written out: forward, gradients by hand, Adam as Kingma and Ba give it. */
function ownLosses(): number[] {
  const random = seededRandom(options.seed)
  const first = (rows: number, columns: number): number[][] => {
    const values = Float32Array.from({ length: rows * columns }, () => 0.2 * random.normal())
    return Array.from({ length: rows }, (_, i) => Array.from(values.subarray(i * columns, (i + 1) * columns)))
  }
  const weights = [first(SIDE * SIDE, 8), first(8, SIDE * SIDE)]
  const m = weights.map((w) => each(w, () => 0))
  const v = weights.map((w) => each(w, () => 0))
  return Array.from({ length: STEPS }, (_, step) => {
    const x = Array.from(rows.subarray(step * BATCH, (step + 1) * BATCH), (row) =>
      Array.from(options.images.subarray(row * SIDE * SIDE, (row + 1) * SIDE * SIDE), (p) => p / 255),
    )
    const [down = [], up = []] = weights
    const hidden = each(product(x, down), (h) => Math.max(0, h))
    const picture = each(product(hidden, up), (o) => 1 / (1 + Math.exp(-o)))
    const count = BATCH * SIDE * SIDE
    const off = each(picture, (o, i, j) => o - (x[i]?.[j] ?? 0))
    const loss = off.flat().reduce((sum, d) => sum + d * d, 0) / count
    const dOut = each(picture, (o, i, j) => (2 / count) * (off[i]?.[j] ?? 0) * o * (1 - o))
    const dHidden = each(product(dOut, turned(up)), (d, i, j) => ((hidden[i]?.[j] ?? 0) > 0 ? d : 0))
    const gradients = [product(turned(x), dHidden), product(turned(hidden), dOut)]
    weights.forEach((w, k) => {
      m[k] = each(m[k] ?? [], (old, i, j) => 0.9 * old + 0.1 * (gradients[k]?.[i]?.[j] ?? 0))
      v[k] = each(v[k] ?? [], (old, i, j) => 0.999 * old + 0.001 * (gradients[k]?.[i]?.[j] ?? 0) ** 2)
      weights[k] = each(w, (old, i, j) => {
        const mean = (m[k]?.[i]?.[j] ?? 0) / (1 - 0.9 ** (step + 1))
        const square = (v[k]?.[i]?.[j] ?? 0) / (1 - 0.999 ** (step + 1))
        return old - (0.01 * mean) / (Math.sqrt(square) + 1e-7)
      })
    })
    return loss
  })
}

describe('a trainer', () => {
  it('gives the losses that gradients and Adam by hand give, step by step', async () => {
    const [recorded, own] = [await losses(), ownLosses()]
    expect(recorded).toHaveLength(STEPS)
    recorded.forEach((loss, i) => {
      expect(Math.abs(loss / (own[i] ?? 0) - 1)).toBeLessThan(1e-3)
    })
    expect(recorded.at(-1)).toBeLessThan(recorded[0] ?? 0)
  })

  it('repeats exactly for a seed', async () => {
    expect(await losses()).toEqual(await losses())
  })

  it('measures without changing anything, gives its weights and takes them back', async () => {
    const trainer = await createTrainer(options)
    try {
      const all = Int32Array.from({ length: COUNT }, (_, i) => i)
      const first = trainer.weights()
      const before = await trainer.evaluate(all)
      expect(await trainer.evaluate(all)).toEqual(before)
      await trainer.train(rows, { learningRate })
      expect((await trainer.evaluate(all)).loss).toBeLessThan(before.loss ?? 0)
      trainer.setWeights(first)
      expect((await trainer.evaluate(all)).loss).toBeCloseTo(before.loss ?? 0, 6)
    } finally {
      await trainer.dispose()
    }
  })

  it('names a kernel that cannot be recorded', async () => {
    const odd: BuildModel = (tfjs, random) => {
      const model = build(tfjs, random)
      return {
        weights: model.weights,
        loss: (batch, context) => ({
          loss: tfjs.add(
            tfjs.mean(tfjs.atan2(batch, tfjs.onesLike(batch))),
            model.loss(batch, context).loss,
          ) as tf.Scalar,
        }),
      }
    }
    await expect(createTrainer({ ...options, build: odd })).rejects.toMatchObject({
      code: 'KERNEL_MISSING',
      message: expect.stringContaining('Atan2'),
    })
  })
})
