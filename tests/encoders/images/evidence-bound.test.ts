import { expect, it } from 'vitest'
import { negativeEvidenceBound } from '#src/encoders/images/evidence-bound.js'

const none = new Float32Array()

it('is the cross-entropy of the pixels where the latent distribution is the prior', () => {
  const pixels = Uint8Array.of(255, 0, 255, 0)
  const even = Float32Array.of(0.5, 0.5, 0.5, 0.5)
  expect(negativeEvidenceBound(pixels, even, Float32Array.of(0), Float32Array.of(0))).toBeCloseTo(
    4 * Math.log(2),
  )
  const right = Float32Array.of(1, 0, 1, 0)
  expect(negativeEvidenceBound(pixels, right, none, none)).toBeCloseTo(0, 4)
  const wrong = negativeEvidenceBound(pixels, Float32Array.of(0, 1, 0, 1), none, none)
  expect(wrong).toBeGreaterThan(50)
  expect(Number.isFinite(wrong)).toBe(true)
})

it('grows with what the latent distribution tells beyond the prior', () => {
  const bound = (mu: number, logVar: number): number =>
    negativeEvidenceBound(new Uint8Array(), none, Float32Array.of(mu), Float32Array.of(logVar))
  expect(bound(0, 0)).toBe(0)
  // KL(N(2, 1) || N(0, 1)) = 2^2 / 2
  expect(bound(2, 0)).toBeCloseTo(2)
  // KL(N(0, e^-4) || N(0, 1)) = (e^-4 - 1 + 4) / 2
  expect(bound(0, -4)).toBeCloseTo((Math.exp(-4) + 3) / 2)
  expect(bound(-2, -4)).toBeGreaterThan(bound(0, -4))
})
