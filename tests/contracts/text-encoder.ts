import { getEventListeners } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TextEncoder } from '#src/core/text-encoder.js'
import { dot, isUnit, norm } from '#src/core/vectors.js'

export interface TextEncoderCase {
  create: () => Promise<TextEncoder>
  dim: number
  /** Whether a text means another vector as a query than as a passage. */
  prompts: boolean
  /** A text, one that means about the same, and one about something else. */
  triple: [string, string, string]
}

function cosine(a: Float32Array, b: Float32Array): number {
  return dot(a, b) / (norm(a) * norm(b))
}

/** Lengths from nothing to far beyond what is read, so that padding and cutting are both met. */
const MIXED = [
  'short',
  'A man is playing a guitar on the stage.',
  '',
  '   ',
  'The quick brown fox jumps over the lazy dog. '.repeat(8),
  '漢字かな交じり文も、絵文字🎉👩‍👩‍👧も入る。',
  'x'.repeat(3000),
  'one two three four five six seven eight nine ten '.repeat(120),
  'Two sentences. And another one!',
  'naïve café, Ångström; \u0000 control and \ud83d half of a pair',
]

/** What every {@link TextEncoder} must do. */
export function textEncoderContract(name: string, { create, dim, prompts, triple }: TextEncoderCase): void {
  describe(`TextEncoder contract: ${name}`, () => {
    let encoder: TextEncoder
    beforeAll(async () => {
      encoder = await create()
    })
    afterAll(() => encoder.dispose())

    it('gives each text a finite vector of its dimension, in order', async () => {
      const encoded = await encoder.encode(MIXED, { as: 'passage' })
      expect(encoder.dim).toBe(dim)
      expect(encoded).toHaveLength(MIXED.length)
      for (const { vector, tokens } of encoded) {
        expect(vector).toBeInstanceOf(Float32Array)
        expect(vector).toHaveLength(dim)
        expect(vector.every(Number.isFinite)).toBe(true)
        expect(isUnit(vector)).toBe(encoder.unit)
        expect(tokens).toBeGreaterThan(0)
        expect(tokens).toBeLessThanOrEqual(encoder.maxTokens)
      }
      expect(encoded[7]?.tokens).toBe(encoder.maxTokens)
    })

    it('gives each vector a buffer of its own', async () => {
      const [a, b] = await encoder.encode(['one', 'two'], { as: 'passage' })
      expect(a?.vector.buffer).not.toBe(b?.vector.buffer)
      expect(a?.vector.buffer.byteLength).toBe(dim * 4)
    })

    it('repeats itself', async () => {
      const first = await encoder.encode(MIXED, { as: 'passage' })
      const again = await encoder.encode(MIXED, { as: 'passage' })
      first.forEach(({ vector }, i) => {
        expect(cosine(vector, again[i]?.vector ?? vector)).toBeGreaterThan(0.999999)
      })
    })

    it('gives a text the same vector alone and in any company', async () => {
      const together = await encoder.encode(MIXED, { as: 'passage' })
      const reversed = await encoder.encode([...MIXED].reverse(), { as: 'passage' })
      for (const [i, text] of MIXED.entries()) {
        const [alone] = await encoder.encode([text], { as: 'passage' })
        for (const other of [together[i], reversed[MIXED.length - 1 - i]])
          expect(cosine(alone?.vector as Float32Array, other?.vector as Float32Array)).toBeGreaterThan(
            0.99999,
          )
      }
    })

    it('puts alike texts nearer than others', async () => {
      const [a, b, c] = (await encoder.encode(triple, { as: 'passage' })).map(({ vector }) => vector)
      expect(cosine(a as Float32Array, b as Float32Array)).toBeGreaterThan(
        cosine(a as Float32Array, c as Float32Array) + 0.05,
      )
    })

    it(prompts ? 'tells queries and passages apart' : 'treats queries and passages alike', async () => {
      const [query] = await encoder.encode([triple[0]], { as: 'query' })
      const [passage] = await encoder.encode([triple[0]], { as: 'passage' })
      const same = cosine(query?.vector as Float32Array, passage?.vector as Float32Array)
      if (prompts) expect(same).toBeLessThan(0.9999)
      else expect(same).toBeGreaterThan(0.99999)
    })

    it('answers an empty list with an empty list', async () => {
      expect(await encoder.encode([], { as: 'query' })).toEqual([])
      expect(await encoder.encode([], { as: 'passage' })).toEqual([])
      expect(await encoder.encodePassages([])).toEqual([])
    })

    it('makes one passage of a text that fits, with the vector that encode gives', async () => {
      const texts = ['A short text.', '', triple[0]]
      const passages = await encoder.encodePassages(texts)
      const encoded = await encoder.encode(texts, { as: 'passage' })
      for (const [i, list] of passages.entries()) {
        expect(list).toHaveLength(1)
        expect(list[0]).toMatchObject({ start: 0, end: texts[i]?.length })
        expect(cosine(list[0]?.vector as Float32Array, encoded[i]?.vector as Float32Array)).toBeGreaterThan(
          0.99999,
        )
      }
    })

    it('covers a long text with passages that encode alike on their own', async () => {
      const long = Array.from(
        { length: 150 },
        (_, i) => `Sentence number ${i} speaks of item ${i * 7}. `,
      ).join('')
      let done = 0
      const [passages = [], short] = await encoder.encodePassages([long, 'short'], {
        onProgress: (n) => {
          done = n
        },
      })
      expect(done).toBe(2)
      expect(short).toHaveLength(1)
      expect(passages.length).toBeGreaterThan(2)
      expect(passages[0]?.start).toBe(0)
      expect(passages.at(-1)?.end).toBe(long.length)
      for (const [i, passage] of passages.entries()) {
        const before = passages[i - 1]
        if (before) {
          expect(passage.start).toBeGreaterThan(before.start)
          expect(passage.start).toBeLessThanOrEqual(before.end)
        }
        const [alone] = await encoder.encode([long.slice(passage.start, passage.end)], { as: 'passage' })
        expect(alone?.tokens).toBeLessThanOrEqual(encoder.maxTokens)
        expect(cosine(alone?.vector as Float32Array, passage.vector)).toBeGreaterThan(0.99999)
      }
    })

    it('stops with CANCELLED, before and in the middle', async () => {
      const signal = AbortSignal.abort()
      await expect(encoder.encode(['a'], { as: 'query', signal })).rejects.toMatchObject({
        code: 'CANCELLED',
      })
      const abort = new AbortController()
      const many = Array.from({ length: 400 }, (_, i) => `text ${i}`)
      const running = encoder.encodePassages(many, { signal: abort.signal, onProgress: () => abort.abort() })
      await expect(running).rejects.toMatchObject({ code: 'CANCELLED' })
      expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
      expect(await encoder.encode(['still there'], { as: 'query' })).toHaveLength(1)
    })

    it('refuses what waits with CLOSED when disposed, and leaves nothing running', async () => {
      const other = await create()
      const threads = (): number =>
        process.getActiveResourcesInfo().filter((resource) => resource === 'MessagePort').length
      const waiting = other.encode(
        Array.from({ length: 300 }, (_, i) => `text ${i}`),
        { as: 'passage' },
      )
      const refused = expect(waiting).rejects.toMatchObject({ code: 'CLOSED' })
      await other.dispose()
      await refused
      await other.dispose()
      await expect(other.encode(['a'], { as: 'query' })).rejects.toMatchObject({ code: 'CLOSED' })
      await expect(other.encodePassages(['a'])).rejects.toMatchObject({ code: 'CLOSED' })
      expect(threads()).toBeLessThanOrEqual(1)
    })
  })
}
