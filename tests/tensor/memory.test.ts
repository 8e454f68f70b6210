import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as tf from '@tensorflow/tfjs-core'
import { expect, it } from 'vitest'
import type { Random } from '#src/core/random.js'
import { createTrainer } from '#src/tensor/create-trainer.js'

const [SIDE, COUNT, BATCH, STEPS] = [28, 128, 32, 2]
const IMAGES = Uint8Array.from({ length: COUNT * SIDE * SIDE }, (_, i) => (i * 31) % 256)
const ROWS = Int32Array.from({ length: STEPS * BATCH }, (_, i) => i % COUNT)

/** 600,000 weights: what one training leaves behind cannot hide. */
function build(tfjs: typeof tf, random: Random) {
  const weight = (...shape: number[]) =>
    tfjs.variable(
      tfjs.tensor(
        Float32Array.from(
          { length: shape.reduce((product, size) => product * size, 1) },
          () => 0.05 * random.normal(),
        ),
        shape,
      ),
    )
  const [filter, down, up] = [weight(3, 3, 1, 8), weight(14 * 14 * 8, 256), weight(256, SIDE * SIDE)]
  return {
    weights: new Map([
      ['filter', filter],
      ['down', down],
      ['up', up],
    ]),
    loss(images: tf.Tensor4D) {
      const [batch] = images.shape
      const small = tfjs.relu(tfjs.conv2d(images, filter as tf.Tensor4D, 2, 'same'))
      const latent = tfjs.matMul(
        tfjs.reshape(small, [batch, 14 * 14 * 8]) as tf.Tensor2D,
        down as tf.Tensor2D,
      )
      const picture = tfjs.sigmoid(tfjs.matMul(latent, up as tf.Tensor2D))
      const flat = tfjs.reshape(images, [batch, SIDE * SIDE])
      return { loss: tfjs.mean(tfjs.squaredDifference(picture, flat)) as tf.Scalar }
    },
  }
}

async function trainOnce(seed: number): Promise<void> {
  const trainer = await createTrainer({
    build,
    shape: [SIDE, SIDE, 1],
    batch: BATCH,
    optimizer: { kind: 'adam' },
    images: IMAGES,
    seed,
    threads: 1,
  })
  try {
    await trainer.train(ROWS, { learningRate: new Float32Array(STEPS).fill(1e-3) })
    await trainer.evaluate(ROWS.subarray(0, BATCH + 5))
  } finally {
    await trainer.dispose()
  }
}

setFlagsFromString('--expose_gc')
const collect = runInNewContext('gc') as () => void

/** In MB, once nothing is left to be collected; buffers of native code are freed a turn later. */
async function residentMemory(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return process.memoryUsage.rss() / 2 ** 20
}

it('frees its memory: one fifty of trainings after the first takes hardly more', async () => {
  for (let seed = 0; seed < 50; seed++) await trainOnce(seed)
  const tensors = tf.memory().numTensors
  let resident = await residentMemory()
  let growth = Number.POSITIVE_INFINITY
  // Fifty trainings that left their weights behind would take 120 MB every time, with what Adam keeps 360 MB. What an
  // allocator holds back comes and goes (seen 1 to 73 MB), so that the least growth of up to three fifties tells the two apart.
  for (let fifty = 1; fifty <= 3 && growth >= 40; fifty++) {
    for (let seed = 0; seed < 50; seed++) await trainOnce(50 * fifty + seed)
    const now = await residentMemory()
    growth = Math.min(growth, now - resident)
    resident = now
  }
  expect(growth).toBeLessThan(40)
  expect(tf.memory().numTensors).toBe(tensors)
})
