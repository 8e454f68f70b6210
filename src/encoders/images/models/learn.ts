import { EngineError } from '../../../core/errors.js'
import { type Random, seededRandom } from '../../../core/random.js'
import type { Trainer } from '../../../tensor/trainer.js'
import type { FitRun } from '../fit-types.js'
import { type RunLength, Schedule } from './schedule.js'

/** Steps between two looks at whether to stop. */
const STEPS = 32
/** Steps, and epochs, without improvement after which a run learns no more. */
const PATIENCE = { steps: 400, epochs: 8 }
/** What counts as improvement, as a share of the loss. */
const IMPROVEMENT = 5e-4

export interface LearnOptions {
  /** Rows of the images that are learned from. */
  fit: Int32Array
  /** Rows of those that tell when to stop. */
  held: Int32Array
  batch: number
  length: RunLength
  /** Weight of the KL term, of models that have one. */
  beta?: number | undefined
  /** Chance that a pixel is blackened, of models that ask for it. */
  denoise?: number | undefined
  seed: number
  run: FitRun
}

export interface Learned {
  /** The best that there were. */
  weights: Record<string, Float32Array>
  /** Of each epoch. */
  losses: number[]
  validationLosses: number[]
  /** Which epoch they are of, from 1. */
  best: number
  /** Whether the loss became NaN; the weights are of before. */
  diverged: boolean
  seconds: number
}

/**
 * Trains until the loss on held-out images stops falling: then once more from the best weights, with a falling learning
 * rate; or until the length of the run is reached.
 *
 * @throws EngineError TRAINING_DIVERGED where nothing was learned before the loss became NaN, CANCELLED
 */
export async function learn(trainer: Trainer, options: LearnOptions): Promise<Learned> {
  const { held, length, beta, run } = options
  const random = seededRandom(options.seed + 1)
  const order = Int32Array.from(options.fit)
  const schedule = new Schedule(length)
  const patience = Math.max(PATIENCE.epochs, Math.ceil(PATIENCE.steps / length.stepsPerEpoch))
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
  let waited = 0
  for (let epoch = 1; epoch <= schedule.epochs; epoch++) {
    shuffle(order, random)
    const loss = await learnEpoch(trainer, order, { ...options, epoch, schedule, learned, started })
    const evaluated = await trainer.evaluate(held, beta === undefined ? {} : { beta }, { signal: run.signal })
    const validation = evaluated.loss ?? Number.NaN
    if (!Number.isFinite(loss) || !Number.isFinite(validation)) {
      if (learned.best === 0) throw diverged(epoch)
      learned.diverged = true
      break
    }
    learned.losses.push(loss)
    learned.validationLosses.push(validation)
    waited++
    if (validation < least) {
      if (learned.best === 0 || validation < least - IMPROVEMENT * Math.abs(least)) waited = 0
      least = validation
      learned.best = epoch
      learned.weights = trainer.weights()
    }
    if (waited < patience) continue
    if (schedule.falls(epoch)) break
    schedule.fallAfter(epoch)
    trainer.setWeights(learned.weights)
    waited = 0
  }
  learned.seconds = (performance.now() - started) / 1000
  return learned
}

/** Trains on all images once. @returns the mean loss */
async function learnEpoch(
  trainer: Trainer,
  order: Int32Array,
  options: LearnOptions & { epoch: number; schedule: Schedule; learned: Learned; started: number },
): Promise<number> {
  const { batch, length, beta, denoise, epoch, schedule, learned, started, run } = options
  const { stepsPerEpoch } = length
  let sum = 0
  for (let from = 0; from < stepsPerEpoch; from += STEPS) {
    run.check()
    const to = Math.min(stepsPerEpoch, from + STEPS)
    const first = (epoch - 1) * stepsPerEpoch
    const numbers = (of: (step: number) => number): Float32Array =>
      Float32Array.from({ length: to - from }, (_, i) => of(first + from + i))
    const { loss = new Float32Array() } = await trainer.train(
      order.subarray(from * batch, to * batch),
      {
        learningRate: numbers((step) => schedule.rate(step)),
        ...(beta === undefined ? {} : { beta: numbers((step) => beta * schedule.warmth(step)) }),
        ...(denoise === undefined ? {} : { denoise: numbers(() => denoise) }),
      },
      { signal: run.signal },
    )
    sum += loss.reduce((total, value) => total + value, 0)
    const total = schedule.epochs * stepsPerEpoch * batch
    const seen = (first + to) * batch
    const seconds = (performance.now() - started) / 1000
    run.onProgress({
      phase: 'fitting',
      done: seen,
      total,
      epoch,
      epochs: schedule.epochs,
      loss: sum / to,
      ...(learned.validationLosses.length > 0 ? { validationLoss: learned.validationLosses.at(-1) } : {}),
      imagesPerSecond: seen / seconds,
      secondsLeft: (seconds / seen) * (total - seen),
    })
  }
  return sum / stepsPerEpoch
}

function diverged(epoch: number): EngineError {
  return new EngineError(
    'TRAINING_DIVERGED',
    `the loss was no number any more in epoch ${epoch}, before anything was learned; train with another --seed, a smaller --dim or --beta`,
  )
}

function shuffle(rows: Int32Array, random: Random): void {
  for (let i = rows.length - 1; i > 0; i--) {
    const j = random.int(i + 1)
    const row = rows[i] as number
    rows[i] = rows[j] as number
    rows[j] = row
  }
}
