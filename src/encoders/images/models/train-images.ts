import { EngineError } from '../../../core/errors.js'
import { seededRandom } from '../../../core/random.js'
import { createTrainer } from '../../../tensor/create-trainer.js'
import { OnnxProgram } from '../../../tensor/onnx-program.js'
import type { Trainer } from '../../../tensor/trainer.js'
import { fitted } from '../fit-pca.js'
import type { FitFunction, FitRun, FitSettings, PixelMatrix } from '../fit-types.js'
import { heldScores } from '../held-scores.js'
import { holdOut, sampleRows } from '../hold-out.js'
import { DECODER_FILE, ENCODER_FILE, OnnxImageModel } from '../onnx-image-model.js'
import { buildDense, type DenseShape, denseShape } from './dense-model.js'
import { denseOnnx } from './dense-onnx.js'
import { knnAccuracy } from './knn-accuracy.js'
import { measureImages, pixelsOf } from './measure-images.js'
import { learningRates, type Schedule } from './schedule.js'

const DEFAULT_DIM = 32
const MOST_BATCH = 128
/** Steps between two looks at whether to stop. */
const STEPS = 32
/** Epochs without improvement after which training ends. */
const PATIENCE = 8
/** What counts as improvement, as a share of the loss. */
const IMPROVEMENT = 5e-4
/** Images that a run sees by default, all epochs together, and bounds of the epochs. */
const IMAGES_SEEN = 800_000
const EPOCHS = { least: 20, most: 300 }
/** Images whose labels are compared for the report. */
const KNN_KNOWN = 4_000
const KNN_ASKED = 1_000
/** KL in nats above which a dimension counts as used (Burda and others 2016 ask for activity in the same spirit). */
const USED = 0.1

/**
 * Trains an autoencoder or a VAE on images. A tenth is held out: training ends when the loss on those stops falling, and
 * they tell what scores are usual. The best weights are kept.
 */
export const trainImages: FitFunction = async (images, settings, run) => {
  const { kind, seed, beta = 1, denoise = 0, engine } = settings
  const variational = kind === 'vae'
  const dim = settings.dim ?? Math.max(2, Math.min(DEFAULT_DIM, Math.floor(images.count / 8)))
  const shape = denseShape(images, dim, variational)
  const { fit, held } = holdOut(images.count, seed)
  const batch = Math.max(1, Math.min(MOST_BATCH, Math.floor(fit.length / 4)))
  const trainer = await createTrainer({
    engine,
    build: buildDense(shape, { denoise: denoise > 0 }),
    shape: [images.size, images.size, images.channels],
    batch,
    optimizer: { kind: 'adam' },
    inputs: [...(variational ? ['beta'] : []), ...(denoise > 0 ? ['denoise'] : [])],
    images: images.values,
    seed,
  })
  try {
    const epochs = settings.epochs ?? defaultEpochs(fit.length)
    const schedule = { epochs, stepsPerEpoch: Math.max(1, Math.floor(fit.length / batch)), beta, denoise }
    const learned = await learn(trainer, { fit, held, batch, schedule, variational, seed, run })
    const { encoder, decoder } = denseOnnx(shape, images, learned.weights)
    const files = { [ENCODER_FILE]: encoder, [DECODER_FILE]: decoder }
    const { settings: found, report } = await describe(images, settings, { fit, held, shape, files, run })
    const { losses, validationLosses, best, diverged, seconds } = learned
    return {
      kind,
      dim,
      unit: false,
      files,
      settings: {
        size: images.size,
        channels: images.channels,
        hidden: [...shape.hidden],
        seed,
        engine,
        epochs,
        ...(variational ? { beta } : {}),
        denoise,
        fittedOn: images.count,
        ...found,
      },
      report: {
        ...report,
        epochs: losses.length,
        bestEpoch: best,
        losses,
        validationLosses,
        diverged,
        imagesPerSecond: Math.round((losses.length * schedule.stepsPerEpoch * batch) / seconds),
      },
    }
  } finally {
    await trainer.dispose()
  }
}

/** Enough to come near the best, in a minute or so of two cores for small pictures. */
function defaultEpochs(count: number): number {
  return Math.max(EPOCHS.least, Math.min(EPOCHS.most, Math.round(IMAGES_SEEN / count)))
}

interface LearnOptions {
  fit: Int32Array
  held: Int32Array
  batch: number
  schedule: Schedule
  variational: boolean
  seed: number
  run: FitRun
}

interface Learned {
  /** The best that there were. */
  weights: Record<string, Float32Array>
  losses: number[]
  validationLosses: number[]
  /** Which epoch they are of, from 1. */
  best: number
  /** Whether the loss became NaN; the weights are of before. */
  diverged: boolean
  seconds: number
}

async function learn(trainer: Trainer, options: LearnOptions): Promise<Learned> {
  const { held, batch, schedule, run } = options
  const { epochs, stepsPerEpoch } = schedule
  const random = seededRandom(options.seed + 1)
  const order = Int32Array.from(options.fit)
  const started = performance.now()
  const learned: Learned = {
    weights: {},
    losses: [],
    validationLosses: [],
    best: 0,
    diverged: false,
    seconds: 0,
  }
  let least = Number.POSITIVE_INFINITY
  for (let epoch = 1; epoch <= epochs; epoch++) {
    shuffle(order, random)
    let sum = 0
    for (let from = 0; from < stepsPerEpoch; from += STEPS) {
      run.check()
      const to = Math.min(stepsPerEpoch, from + STEPS)
      const first = (epoch - 1) * stepsPerEpoch + from
      const inputs = learningRates(schedule, { first, steps: to - from, variational: options.variational })
      const { loss = new Float32Array() } = await trainer.train(
        order.subarray(from * batch, to * batch),
        inputs,
        { signal: run.signal },
      )
      sum += loss.reduce((total, value) => total + value, 0)
      const seen = ((epoch - 1) * stepsPerEpoch + to) * batch
      const seconds = (performance.now() - started) / 1000
      run.onProgress({
        phase: 'fitting',
        done: seen,
        total: epochs * stepsPerEpoch * batch,
        epoch,
        epochs,
        loss: sum / to,
        ...(learned.validationLosses.length > 0 ? { validationLoss: learned.validationLosses.at(-1) } : {}),
        imagesPerSecond: seen / seconds,
        secondsLeft: (seconds / seen) * (epochs * stepsPerEpoch * batch - seen),
      })
    }
    const evaluated = await trainer.evaluate(held, options.variational ? { beta: schedule.beta } : {}, {
      signal: run.signal,
    })
    const validation = evaluated.loss ?? Number.NaN
    if (!Number.isFinite(sum) || !Number.isFinite(validation)) {
      if (learned.best === 0) throw diverged(epoch)
      learned.diverged = true
      break
    }
    learned.losses.push(sum / stepsPerEpoch)
    learned.validationLosses.push(validation)
    if (validation < least - IMPROVEMENT * Math.abs(least === Number.POSITIVE_INFINITY ? 0 : least)) {
      least = validation
      learned.best = epoch
      learned.weights = trainer.weights()
    } else if (epoch - learned.best >= PATIENCE) break
  }
  learned.seconds = (performance.now() - started) / 1000
  return learned
}

function diverged(epoch: number): EngineError {
  return new EngineError(
    'TRAINING_DIVERGED',
    `the loss was no number any more in epoch ${epoch}, before anything was learned; train with another --seed, a smaller --dim or --beta`,
  )
}

function shuffle(rows: Int32Array, random: ReturnType<typeof seededRandom>): void {
  for (let i = rows.length - 1; i > 0; i--) {
    const j = random.int(i + 1)
    const row = rows[i] as number
    rows[i] = rows[j] as number
    rows[j] = row
  }
}

interface Described {
  settings: Record<string, unknown>
  report: Record<string, unknown>
}

/** What the model is worth on held-out images, beside PCA of the same dimension. */
async function describe(
  images: PixelMatrix,
  { seed }: FitSettings,
  parts: {
    fit: Int32Array
    held: Int32Array
    shape: DenseShape
    files: Record<string, Uint8Array>
    run: FitRun
  },
): Promise<Described> {
  const { fit, held, shape, files, run } = parts
  run.onProgress({ phase: 'measuring', done: 0, total: held.length })
  const inputs = { size: images.size, channels: images.channels }
  const model = await OnnxImageModel.load({ dim: shape.dim, settings: inputs, files })
  try {
    const { error, scores, latent } = await measureImages(model, images, held, run)
    const report: Record<string, unknown> = { heldOutError: error, heldOutImages: held.length }
    report.pcaError = await pcaError(images, { fit, held, dim: shape.dim, seed, run })
    const accuracy = await labelAccuracy(model, images, { fit, held, latent, seed, run })
    if (accuracy !== undefined) report.knnAccuracy = accuracy
    if (shape.variational) {
      const kl = await klOfDimensions(files[ENCODER_FILE] as Uint8Array, images, { held, shape, run })
      report.kl = kl
      report.dimensionsInUse = kl.filter((nats) => nats > USED).length
    }
    run.onProgress({ phase: 'measuring', done: held.length, total: held.length })
    return { settings: { held: heldScores(scores) }, report }
  } finally {
    await model.dispose()
  }
}

async function pcaError(
  images: PixelMatrix,
  options: { fit: Int32Array; held: Int32Array; dim: number; seed: number; run: FitRun },
): Promise<number> {
  const { fit, held, seed, run } = options
  const values = images.size * images.size * images.channels
  const dim = Math.min(options.dim, fit.length, values)
  const { encoder, decoder } = await fitted(images, fit, { dim, seed, run })
  const settings = { size: images.size, channels: images.channels }
  const files = { [ENCODER_FILE]: encoder, [DECODER_FILE]: decoder }
  const model = await OnnxImageModel.load({ dim, settings, files })
  try {
    return (await measureImages(model, images, held, run)).error
  } finally {
    await model.dispose()
  }
}

async function labelAccuracy(
  model: OnnxImageModel,
  images: PixelMatrix,
  options: { fit: Int32Array; held: Int32Array; latent: Float32Array; seed: number; run: FitRun },
): Promise<number | undefined> {
  const { labels } = images
  if (!labels?.some((label) => label !== null)) return undefined
  const { fit, held, latent, seed, run } = options
  const chosen = sampleRows(fit.length, KNN_KNOWN, seed).map((at) => fit[at] as number)
  const known = await measureImages(model, images, chosen, run)
  const labelsOf = (rows: Int32Array): (string | null)[] => Array.from(rows, (row) => labels[row] ?? null)
  const asked = held.subarray(0, KNN_ASKED)
  return knnAccuracy(
    { vectors: known.latent, labels: labelsOf(chosen) },
    { vectors: latent.subarray(0, asked.length * model.dim), labels: labelsOf(asked) },
    model.dim,
  )
}

/** Mean KL of each dimension over the held-out images, in nats: (mu^2 + var - 1 - logVar) / 2. */
async function klOfDimensions(
  encoder: Uint8Array,
  images: PixelMatrix,
  { held, shape, run }: { held: Int32Array; shape: DenseShape; run: FitRun },
): Promise<number[]> {
  const program = await OnnxProgram.create(encoder)
  try {
    const sums = new Float64Array(shape.dim)
    for (let from = 0; from < held.length; from += MOST_BATCH) {
      run.check()
      const rows = held.subarray(from, from + MOST_BATCH)
      const data = Float32Array.from(pixelsOf(images, rows), (value) => value / 255)
      const dims = [rows.length, images.size, images.size, images.channels]
      const { latent, logVar } = await program.run({ image: { data, dims } })
      for (let i = 0; i < rows.length * shape.dim; i++) {
        const mu = latent?.data[i] ?? 0
        const log = Math.max(-8, Math.min(8, logVar?.data[i] ?? 0))
        sums[i % shape.dim] = (sums[i % shape.dim] as number) + (mu * mu + Math.exp(log) - 1 - log) / 2
      }
    }
    return Array.from(sums, (sum) => sum / held.length)
  } finally {
    await program.dispose()
  }
}
