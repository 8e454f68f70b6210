import { describe, expect, it } from 'vitest'
import { seededRandom } from '#src/core/random.js'
import { HASHES, signatureOf } from '#src/duplicates/min-hash.js'
import { textCandidates } from '#src/duplicates/text-candidates.js'
import { jaccard, plainText, shinglesOf } from '#src/duplicates/text-shingles.js'

const alike = (a: string, b: string): number => jaccard(shinglesOf(a), shinglesOf(b))

/** A text of words drawn from a vocabulary that all texts share. */
function drawText(seed: number, words: number): string[] {
  const random = seededRandom(seed)
  return Array.from({ length: words }, () => `w${random.int(5_000).toString(36)}x`)
}

describe('shingles', () => {
  it('do not depend on case, width, punctuation and spaces', () => {
    expect(plainText('  Ｈello,\n WORLD! ')).toBe('hello world')
    expect(alike('Hello world, how are you?', 'HELLO   world - how are you')).toBe(1)
    expect(alike('東京タワーの夜景。', '東京 タワー、の夜景')).toBe(1)
  })

  it('are ascending and each once, of any text', () => {
    for (const text of ['aaaaaaaaaaaa', 'ab', '😀😀', '!?', '東京', 'mixed 東京 text', '한국어 문장입니다']) {
      const shingles = [...shinglesOf(text)]
      expect(shingles.length).toBeGreaterThan(0)
      expect(shingles).toEqual([...new Set(shingles)].sort((a, b) => a - b))
    }
  })

  it('share as much as texts share', () => {
    expect(alike('The cat sat on the mat', 'A dog lay under the table')).toBeLessThan(0.2)
    expect(alike('東京は日本の首都です', '大阪は西日本の都市です')).toBeLessThan(0.5)
    const words = drawText(1, 200)
    const edited = words.map((word, i) => (i % 20 === 0 ? 'changed' : word))
    expect(alike(words.join(' '), edited.join(' '))).toBeGreaterThan(0.7)
    expect(jaccard(new Uint32Array(), new Uint32Array())).toBe(0)
  })
})

describe('signatures', () => {
  it('agree in about as many places as the sets of shingles do', () => {
    const words = drawText(2, 300)
    for (const step of [5, 10, 40]) {
      const edited = words.map((word, i) => (i % step === 0 ? `n${i}` : word))
      const [a, b] = [words, edited].map((text) => shinglesOf(text.join(' '))) as [Uint32Array, Uint32Array]
      const [x, y] = [signatureOf(a), signatureOf(b)]
      const agree = x.filter((hash, i) => hash === y[i]).length / HASHES
      // four standard errors of 128 draws
      expect(Math.abs(agree - jaccard(a, b))).toBeLessThan(4 * Math.sqrt(0.25 / HASHES))
    }
  })

  it('bring texts together that are alike, and few that are not', () => {
    const texts: string[] = []
    for (let i = 0; i < 300; i++) {
      const words = drawText(10 + i, 30)
      texts.push(words.join(' '), words.map((word, j) => (j === i % 30 ? 'other' : word)).join(' '))
    }
    const signatures = new Uint32Array(texts.length * HASHES)
    for (const [i, text] of texts.entries()) signatures.set(signatureOf(shinglesOf(text)), i * HASHES)
    const pairs = textCandidates(signatures, () => true)
    const found = new Set(pairs.map(([a, b]) => `${a} ${b}`))
    expect(found.size).toBe(pairs.length)
    const wanted = Array.from({ length: 300 }, (_, i) => `${2 * i} ${2 * i + 1}`)
    expect(wanted.filter((pair) => !found.has(pair))).toEqual([])
    expect(pairs.length).toBeLessThan(600)
    const some = textCandidates(signatures, (text) => text >= 500)
    expect(some.length).toBeGreaterThan(0)
    expect(some.every(([, b]) => b >= 500)).toBe(true)
  })

  it('bring no text together with more than a bounded number of others, however many are the same', () => {
    const count = 2_000
    const signatures = new Uint32Array(count * HASHES)
    const one = signatureOf(shinglesOf(drawText(3, 30).join(' ')))
    for (let i = 0; i < count; i++) signatures.set(one, i * HASHES)
    expect(textCandidates(signatures, () => true).length).toBeLessThanOrEqual(64 * count)
  })
})
