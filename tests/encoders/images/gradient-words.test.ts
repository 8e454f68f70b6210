import { describe, expect, it } from 'vitest'
import { seededRandom } from '#src/core/random.js'
import { findWords, GradientWords, readWords } from '#src/encoders/images/descriptor/gradient-words.js'
import { fitImageEncoder } from '#src/encoders/images/fit-image-encoder.js'
import { loadImageEncoder } from '#src/encoders/images/load-image-encoder.js'
import { drawnColourImages, drawShape } from '../../support/drawn-images.js'

const SIDE = 64

function planes(count: number): Float32Array[] {
  const random = seededRandom(4)
  const shapes = ['disc', 'bar', 'cross'] as const
  return Array.from({ length: count }, (_, i) =>
    Float32Array.from(drawShape(shapes[i % 3] ?? 'disc', random, SIDE), (value) => value / 255),
  )
}

describe('gradient words', () => {
  it('are the same for the same pictures and seed, and describe a picture by sums of length 1 a word', () => {
    const pictures = planes(12)
    const words = findWords(pictures, { count: 12, size: SIDE, seed: 1 })
    expect(words).toHaveLength(32 * 36)
    expect(findWords(pictures, { count: 12, size: SIDE, seed: 1 })).toEqual(words)
    const describer = new GradientWords(SIDE, words)
    const found = new Float32Array(describer.length)
    describer.compute(pictures[0] ?? new Float32Array(), found, 0)
    for (let word = 0; word < 32; word++) {
      const length = Math.hypot(...found.subarray(word * 36, (word + 1) * 36))
      expect(length === 0 || Math.abs(length - 1) < 1e-4).toBe(true)
    }
    expect(found.some((value) => value !== 0)).toBe(true)
  })

  it('of pictures without any gradient are none, and describe nothing', () => {
    const flat = new Float32Array(SIDE * SIDE).fill(0.5)
    const words = findWords([flat, flat], { count: 2, size: SIDE, seed: 1 })
    expect(words).toHaveLength(0)
    expect(new GradientWords(SIDE, words).length).toBe(0)
  })

  it('are refused where their file is cut short', () => {
    expect(() => readWords(new Uint8Array(100))).toThrowError(
      expect.objectContaining({ code: 'ENCODER_INVALID' }),
    )
  })

  it('are part of a descriptor that is fitted to colour pictures, which finds their shapes', async () => {
    const drawn = await drawnColourImages(60, 1, 32)
    const files = drawn.map(({ png }) => png)
    const source = {
      count: files.length,
      async *batches() {
        yield files
      },
    }
    const model = await fitImageEncoder(source, { kind: 'descriptor' })
    expect(Object.keys(model.files).sort()).toEqual(['projection.bin', 'words.bin'])
    const encoder = await loadImageEncoder(model, { threads: 1 })
    const encoded = await encoder.encode(files)
    await encoder.dispose()
    let agreed = 0
    encoded.forEach(({ vector }, i) => {
      const nearest = encoded
        .map((other, j) => ({
          j,
          dot: j === i ? -2 : vector.reduce((sum, x, k) => sum + x * (other.vector[k] ?? 0), 0),
        }))
        .reduce((best, one) => (one.dot > best.dot ? one : best))
      if (drawn[nearest.j]?.shape === drawn[i]?.shape) agreed++
    })
    // by chance one in three
    expect(agreed / drawn.length).toBeGreaterThan(0.6)
  })
})
