/**
 * A contender of training.ts: `onnx` or `tfjs-node` train a model, `encoder` encodes with it.
 *
 *   training-process.ts onnx|tfjs-node|encoder dense|convolutional IMAGES BATCH SEED
 *
 * Over IPC: says that it is ready, then for each number of seconds answers the images a second.
 */
import { seededRandom } from '#src/core/random.js'
import { denseOnnx } from '#src/encoders/images/models/dense-onnx.js'
import { DECODER_FILE, ENCODER_FILE, OnnxImageModel } from '#src/encoders/images/onnx-image-model.js'
import { createTrainer } from '#src/tensor/create-trainer.js'
import { loadTfjsNode } from '#src/tensor/tfjs-node.js'
import { TRAINING_ENGINES, type TrainerOptions } from '#src/tensor/trainer.js'
import { median } from './machine.js'
import { type Ready, readImages } from './training-contenders.js'
import { DENSE, MODELS } from './training-models.js'

/** Steps of a call; images that are encoded at a time. */
const STEPS = 50
const ENCODED = 256

const [what = '', model = '', path = '', batch = '', seed = ''] = process.argv.slice(2)
const build = MODELS[model]
if (!build) throw new Error(`no model is called ${model}`)
const images = await readImages(path)
const count = images.length / 784
const random = seededRandom(Number(seed))
const options: TrainerOptions = {
  engine: TRAINING_ENGINES.find((engine) => engine === what) ?? 'onnx',
  build,
  shape: [28, 28, 1],
  batch: Number(batch),
  optimizer: { kind: 'adam' },
  images,
  seed: Number(seed),
}

try {
  const { work, facts } = what === 'encoder' ? await encoding() : await training()
  await work()
  process.on('message', async (seconds: number) => {
    const began = performance.now()
    let done = 0
    do done += await work()
    while (performance.now() - began < seconds * 1000)
    process.send?.((done / (performance.now() - began)) * 1000)
  })
  process.send?.({ facts } satisfies Ready)
} catch (error) {
  process.send?.({ absent: error instanceof Error ? error.message : String(error) } satisfies Ready)
  process.disconnect()
}

interface Work {
  /** @returns how many images it worked on */
  work(): Promise<number>
  facts: string
}

async function training(): Promise<Work> {
  const took: number[] = []
  for (let round = 0; round < 3; round++) {
    const began = performance.now()
    await (await createTrainer(options)).dispose()
    took.push(performance.now() - began)
  }
  const trainer = await createTrainer(options)
  const learningRate = new Float32Array(STEPS).fill(1e-3)
  return {
    facts: what === 'tfjs-node' ? tensorflowVersion() : String(median(took)),
    async work() {
      const rows = Int32Array.from({ length: STEPS * options.batch }, () => random.int(count))
      await trainer.train(rows, { learningRate })
      return rows.length
    },
  }
}

function tensorflowVersion(): string {
  const tfjs = loadTfjsNode()
  const { binding } = tfjs.engine().backend as unknown as { binding?: { TF_Version?: string } }
  return `tfjs-node ${tfjs.version_core} on TensorFlow ${binding?.TF_Version}`
}

async function encoding(): Promise<Work> {
  const trainer = await createTrainer(options)
  const { encoder, decoder } = denseOnnx(DENSE, { size: 28, channels: 1 }, trainer.weights())
  await trainer.dispose()
  const files = { [ENCODER_FILE]: encoder, [DECODER_FILE]: decoder }
  const loaded = await OnnxImageModel.load({ dim: DENSE.dim, settings: { size: 28, channels: 1 }, files })
  return {
    facts: '',
    async work() {
      const row = random.int(count - ENCODED)
      await loaded.encode(images.subarray(row * 784, (row + ENCODED) * 784), ENCODED)
      return ENCODED
    },
  }
}
