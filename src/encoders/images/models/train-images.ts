import { createTrainer } from '../../../tensor/create-trainer.js'
import { componentsOf } from '../fit-pca.js'
import type { FitFunction } from '../fit-types.js'
import { holdOut } from '../hold-out.js'
import { type Architecture, chooseArchitecture, partsOf } from './choose-architecture.js'
import { describeModel } from './describe-model.js'
import { exportModel } from './export-model.js'
import { buildImageModel } from './image-model.js'
import { learn } from './learn.js'
import { linearPart } from './linear-part.js'

const DEFAULT_DIM = 32
/** Images of a step: larger batches are faster, but few images must give some steps an epoch too. */
const BATCH = { least: 16, most: 128 }
const STEPS_PER_EPOCH = 16
/** Images that a run sees by default, all epochs together, and bounds of the epochs. A step of convolutions takes longer. */
const IMAGES_SEEN: Record<Architecture['kind'], number> = { dense: 800_000, conv: 200_000 }
const EPOCHS = { least: 20, most: 300 }

/**
 * Trains an autoencoder or a VAE on images. A tenth is held out: training ends when the loss on those stops falling, and
 * they tell what scores are usual. The best weights are kept.
 */
export const trainImages: FitFunction = async (images, settings, run) => {
  const { kind, seed, beta = 1, denoise = 0, engine } = settings
  const { size, channels } = images
  const variational = kind === 'vae'
  const dim = settings.dim ?? Math.max(2, Math.min(DEFAULT_DIM, Math.floor(images.count / 8)))
  const architecture = chooseArchitecture(images, dim)
  const { fit, held } = holdOut(images.count, seed)
  run.onProgress({ phase: 'fitting', done: 0, total: fit.length })
  const most = Math.min(dim, fit.length, size * size * channels)
  const pca = await componentsOf(images, fit, { dim: most, seed, run })
  const linear = architecture.kind === 'conv' && !variational ? linearPart(pca, dim) : undefined
  const outputs = variational ? 2 * dim : dim
  const parts = partsOf(architecture, images, { dim, outputs, silent: linear !== undefined })
  const build = buildImageModel(parts, { dim, variational, denoise: denoise > 0, linear })
  const batch = chooseBatch(fit.length)
  const epochs = settings.epochs ?? defaultEpochs(fit.length, architecture)
  const length = { epochs, stepsPerEpoch: Math.max(1, Math.floor(fit.length / batch)) }
  const numbers = {
    ...(variational ? { beta } : {}),
    ...(denoise > 0 ? { denoise } : {}),
  }
  const trainer = await createTrainer({
    engine,
    build,
    shape: [size, size, channels],
    batch,
    optimizer: { kind: 'adam' },
    inputs: Object.keys(numbers),
    images: images.values,
    seed,
  })
  try {
    const learned = await learn(trainer, { fit, held, batch, length, ...numbers, seed, run })
    const files = exportModel(build, images, { dim, weights: learned.weights })
    const found = await describeModel(images, { fit, held, dim, variational, pca, files, seed, run })
    const { losses, validationLosses, best, diverged, seconds } = learned
    return {
      kind,
      dim,
      unit: false,
      files,
      settings: {
        size,
        channels,
        architecture,
        seed,
        engine,
        epochs,
        ...(variational ? { beta } : {}),
        denoise,
        fittedOn: images.count,
        ...found.settings,
      },
      report: {
        ...found.report,
        epochs: losses.length,
        bestEpoch: best,
        losses,
        validationLosses,
        diverged,
        imagesPerSecond: Math.round((losses.length * length.stepsPerEpoch * batch) / seconds),
      },
    }
  } finally {
    await trainer.dispose()
  }
}

function chooseBatch(count: number): number {
  const wanted = Math.floor(count / STEPS_PER_EPOCH)
  return Math.min(count, Math.max(BATCH.least, Math.min(BATCH.most, wanted)))
}

/** Enough to come near the best, in a minute or two of two cores for small pictures. */
function defaultEpochs(count: number, { kind }: Architecture): number {
  return Math.max(EPOCHS.least, Math.min(EPOCHS.most, Math.round(IMAGES_SEEN[kind] / count)))
}
