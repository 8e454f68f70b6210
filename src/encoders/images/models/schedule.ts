/** How long a run may be, and what does not change on the way. */
export interface RunLength {
  epochs: number
  stepsPerEpoch: number
}

/** The learning rate at its largest, and at the end. */
const HIGH = 2e-3
const LOW = 2e-5
/** Steps in which the learning rate rises, at most a tenth of the run. */
const WARM_STEPS = 100
/** Share of the run in which it falls again, and in which beta rises. */
const FALL = 0.5
const WARM_BETA = 0.1
/** After a run was found to learn no more, the fall takes this share of the epochs until then. */
const SHORT_FALL = 0.3
/** Epochs that a fall takes at least. */
const LEAST_FALL = 5

/**
 * Learning rates of a run: up at first, then level, then down as half a cosine to the end. Most of what is learned shows
 * in the fall, so a run that stops improving is not ended at once but falls from there (warm-up, stable, decay: Hu and
 * others 2024; cosine: Loshchilov and Hutter 2017).
 */
export class Schedule {
  readonly #stepsPerEpoch: number
  readonly #whole: number
  #epochs: number
  #fallFrom: number

  constructor({ epochs, stepsPerEpoch }: RunLength) {
    this.#stepsPerEpoch = stepsPerEpoch
    this.#whole = epochs
    this.#epochs = epochs
    this.#fallFrom = Math.floor(epochs * (1 - FALL))
  }

  /** Epochs of the run, as it stands. */
  get epochs(): number {
    return this.#epochs
  }

  /** Whether the learning rate falls already in an epoch, counted from 1. */
  falls(epoch: number): boolean {
    return epoch > this.#fallFrom
  }

  /** Begins the fall after so many epochs. */
  fallAfter(epoch: number): void {
    this.#fallFrom = epoch
    this.#epochs = Math.min(this.#whole, epoch + Math.max(LEAST_FALL, Math.ceil(SHORT_FALL * epoch)))
  }

  /** The learning rate of a step, counted from 0. */
  rate(step: number): number {
    const warm = Math.min(WARM_STEPS, Math.ceil((this.#whole * this.#stepsPerEpoch) / 10))
    const from = this.#fallFrom * this.#stepsPerEpoch
    const length = this.#epochs * this.#stepsPerEpoch - from
    const fallen = Math.max(0, Math.min(1, (step - from) / length))
    const level = LOW + ((HIGH - LOW) * (1 + Math.cos(Math.PI * fallen))) / 2
    return level * Math.min(1, (step + 1) / warm)
  }

  /** What part of the KL term's weight counts: it rises, so that the latent space is used before it is pressed together (Bowman and others 2016). */
  warmth(step: number): number {
    return Math.min(1, step / (WARM_BETA * this.#whole * this.#stepsPerEpoch))
  }
}
