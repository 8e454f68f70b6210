/** How a run goes: how long, and what changes on the way. */
export interface Schedule {
  epochs: number
  stepsPerEpoch: number
  /** Weight of the KL term when it is warm. */
  beta: number
  /** Chance that a pixel is blackened. */
  denoise: number
}

/** Largest learning rate, and the smallest at the end. */
const HIGH = 2e-3
const LOW = 2e-5
/** Steps in which the learning rate rises, and share of the run in which beta does. */
const WARM_STEPS = 100
const WARM_BETA = 0.1

/**
 * The numbers of some steps: the learning rate rises at first and then falls as a cosine (Loshchilov and Hutter 2017),
 * beta rises from 0 so that the latent space is used before it is pressed together (Bowman and others 2016).
 */
export function learningRates(
  { epochs, stepsPerEpoch, beta, denoise }: Schedule,
  { first, steps, variational }: { first: number; steps: number; variational: boolean },
): Record<string, Float32Array> {
  const total = epochs * stepsPerEpoch
  const numbers = (of: (step: number) => number): Float32Array =>
    Float32Array.from({ length: steps }, (_, i) => of(first + i))
  const rate = numbers((step) => {
    const cosine = LOW + ((HIGH - LOW) * (1 + Math.cos((Math.PI * step) / total))) / 2
    return cosine * Math.min(1, (step + 1) / Math.min(WARM_STEPS, total))
  })
  return {
    learningRate: rate,
    ...(variational ? { beta: numbers((step) => beta * Math.min(1, step / (WARM_BETA * total))) } : {}),
    ...(denoise > 0 ? { denoise: numbers(() => denoise) } : {}),
  }
}
