import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { distance, METRICS, type Metric } from '#src/core/metrics.js'
import { type Random, seededRandom } from '#src/core/random.js'
import type { Neighbour, VectorIndex } from '#src/core/vector-index.js'

export interface VectorIndexUnderTest {
  name: string
  create(options: { metric: Metric; dim: number }): VectorIndex
  load(path: string, options: { metric: Metric; dim: number }): Promise<VectorIndex>
  /** Share of the true 10 nearest that must be found; 1 for an exact index. */
  recall: number
}

/** What every `VectorIndex` must do, for each metric. */
export function describeVectorIndex(subject: VectorIndexUnderTest): void {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kindred-index-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  describe.each([...METRICS])(`${subject.name}, %s`, (metric) => {
    const dim = 16
    const filled = (count: number, seed = 1): { index: VectorIndex; model: Map<number, Float32Array> } => {
      const random = seededRandom(seed)
      const index = subject.create({ metric, dim })
      const model = new Map<number, Float32Array>()
      for (let label = 0; label < count; label++) {
        const vector = drawVector(random, dim, metric)
        model.set(label, vector)
        index.add(label, vector)
      }
      return { index, model }
    }

    it('counts and knows what is in it', () => {
      const { index } = filled(50)
      expect(index).toMatchObject({ metric, dim, count: 50 })
      expect(index.remove(7)).toBe(true)
      expect(index.remove(7)).toBe(false)
      expect(index.remove(1000)).toBe(false)
      expect([index.count, index.has(7), index.has(8), index.has(1000)]).toEqual([49, false, true, false])
      index.update(8, 50, vectorOf(dim, 1))
      expect([index.count, index.has(8), index.has(50)]).toEqual([49, false, true])
    })

    it('finds nothing in an empty index, and again once all was removed and something added', () => {
      const { index } = filled(0)
      expect(index.search(vectorOf(dim, 1), 3)).toEqual([])
      for (let label = 0; label < 40; label++) index.add(label, vectorOf(dim, label + 1))
      for (let label = 0; label < 40; label++) index.remove(label)
      expect(index.search(vectorOf(dim, 1), 3)).toEqual([])
      index.add(40, vectorOf(dim, 5))
      expect(index.search(vectorOf(dim, 1), 3).map(({ label }) => label)).toEqual([40])
    })

    it('returns at most k distinct neighbours, nearest first, with true distances', () => {
      const { index, model } = filled(800)
      const random = seededRandom(2)
      for (let i = 0; i < 20; i++) {
        const query = drawVector(random, dim, metric)
        const found = index.search(query, 10)
        expect(new Set(found.map(({ label }) => label)).size).toBe(10)
        expect(found).toEqual([...found].sort(nearestFirst))
        for (const neighbour of found) expectDistance(metric, query, model, neighbour)
      }
    })

    it(`finds ${subject.recall === 1 ? 'all' : subject.recall} of the nearest`, () => {
      const { index, model } = filled(3000)
      expect(recallOf(index, model, 40)).toBeGreaterThanOrEqual(subject.recall)
    })

    it('breaks ties by ascending label', () => {
      const index = subject.create({ metric, dim })
      const [near, far] = [vectorOf(dim, 1), vectorOf(dim, 2)]
      for (let label = 0; label < 12; label++) index.add(label, label % 2 ? near : far)
      const found = index.search(near, 12)
      expect(found).toEqual([...found].sort(nearestFirst))
      expect(new Set(found.map(({ label }) => label)).size).toBe(12)
    })

    it('returns fewer than k when the index is smaller', () => {
      const { index } = filled(30)
      index.remove(3)
      expect(index.search(vectorOf(dim, 1), 1000)).toHaveLength(29)
    })

    it('respects a filter', () => {
      const { index, model } = filled(600)
      index.remove(10)
      const found = index.search(vectorOf(dim, 1), 10, { filter: (label) => label % 10 === 0 })
      expect(found).toHaveLength(10)
      expect(found.every(({ label }) => label % 10 === 0 && label !== 10)).toBe(true)
      for (const neighbour of found) expectDistance(metric, vectorOf(dim, 1), model, neighbour)
      expect(index.search(vectorOf(dim, 1), 10, { filter: () => false })).toEqual([])
      const failing = () => {
        throw new Error('from the filter')
      }
      expect(() => index.search(vectorOf(dim, 1), 10, { filter: failing })).toThrow('from the filter')
    })

    it('refuses labels that were used, live or dead', () => {
      const { index } = filled(5)
      index.remove(2)
      index.update(3, 5, vectorOf(dim, 3))
      for (const label of [1, 2, 3, 5]) {
        expect(() => index.add(label, vectorOf(dim, 1))).toThrow(
          expect.objectContaining({ code: 'LABEL_REUSED' }),
        )
        expect(() => index.update(4, label, vectorOf(dim, 1))).toThrow(
          expect.objectContaining({ code: 'LABEL_REUSED' }),
        )
      }
      expect([index.count, index.has(4)]).toEqual([4, true])
    })

    it('refuses bad vectors, bad labels and a bad k, and stays as it was', () => {
      const { index } = filled(5)
      const bad: [Float32Array, string][] = [
        [new Float32Array(dim - 1).fill(1), 'DIMENSION_MISMATCH'],
        [new Float32Array(0), 'DIMENSION_MISMATCH'],
        [new Float32Array(dim).fill(Number.NaN), 'INVALID_VECTOR'],
        [new Float32Array(dim).fill(1).fill(Number.NEGATIVE_INFINITY, 3, 4), 'INVALID_VECTOR'],
      ]
      if (metric === 'cosine') bad.push([new Float32Array(dim), 'ZERO_VECTOR'])
      for (const [vector, code] of bad) {
        expect(() => index.add(99, vector)).toThrow(expect.objectContaining({ code }))
        expect(() => index.update(1, 99, vector)).toThrow(expect.objectContaining({ code }))
        expect(() => index.search(vector, 3)).toThrow(expect.objectContaining({ code }))
      }
      for (const label of [-1, 1.5, Number.NaN, 2 ** 32])
        expect(() => index.add(label, vectorOf(dim, 1))).toThrow(
          expect.objectContaining({ code: 'INVALID_REQUEST' }),
        )
      for (const k of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
        expect(() => index.search(vectorOf(dim, 1), k)).toThrow(
          expect.objectContaining({ code: 'INVALID_REQUEST' }),
        )
      expect([index.count, index.has(1), index.has(99)]).toEqual([5, true, false])
      index.add(2 ** 32 - 1, vectorOf(dim, 1))
      expect(index.has(2 ** 32 - 1)).toBe(true)
    })

    it('does not keep or change the vectors it is given', () => {
      const index = subject.create({ metric, dim })
      const vector = vectorOf(dim, 1)
      const before = vector.slice()
      index.add(0, vector)
      const first = index.search(vector, 1)
      expect(vector).toEqual(before)
      vector.fill(9)
      expect(index.search(before, 1)).toEqual(first)
    })

    it('loads what it saved, removals included', async () => {
      const { index, model } = filled(500)
      for (let label = 0; label < 100; label++) index.remove(label * 2)
      index.update(1, 500, vectorOf(dim, 4))
      model.set(500, vectorOf(dim, 4))
      const path = join(folder, `round-${metric}`)
      await index.save(path)
      const loaded = await subject.load(path, { metric, dim })
      expect(loaded.count).toBe(400)
      const random = seededRandom(3)
      for (let i = 0; i < 20; i++) {
        const query = drawVector(random, dim, metric)
        expect(loaded.search(query, 5)).toEqual(index.search(query, 5))
      }
      // what is dead stays dead, in both, and both go on
      for (const same of [index, loaded]) {
        expect([same.has(0), same.has(3)]).toEqual([false, true])
        expect(() => same.add(0, vectorOf(dim, 1))).toThrow(expect.objectContaining({ code: 'LABEL_REUSED' }))
        expect(() => same.add(500, vectorOf(dim, 1))).toThrow(
          expect.objectContaining({ code: 'LABEL_REUSED' }),
        )
        same.add(501, vectorOf(dim, 7))
        same.remove(3)
        expect(same.count).toBe(400)
        expect(same.search(vectorOf(dim, 7), 400).some(({ label }) => label === 501)).toBe(true)
      }
      await loaded.save(path)
      const again = await subject.load(path, { metric, dim })
      expect([again.count, again.has(501), again.has(3)]).toEqual([400, true, false])
      expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([])
    })

    it('saves and loads an empty index', async () => {
      const path = join(folder, `empty-${metric}`)
      await subject.create({ metric, dim }).save(path)
      const loaded = await subject.load(path, { metric, dim })
      expect(loaded.search(vectorOf(dim, 1), 3)).toEqual([])
      loaded.add(0, vectorOf(dim, 1))
      expect(loaded.search(vectorOf(dim, 1), 3)).toHaveLength(1)
    })

    it('refuses additions while it is saved, and answers meanwhile', async () => {
      const { index } = filled(200)
      index.remove(0)
      const saved = index.save(join(folder, `busy-${metric}`))
      expect(() => index.add(200, vectorOf(dim, 1))).toThrow(expect.objectContaining({ code: 'BUSY' }))
      expect(index.search(vectorOf(dim, 1), 250)).toHaveLength(199)
      await expect(index.save(join(folder, `busy-${metric}`))).rejects.toMatchObject({ code: 'BUSY' })
      expect(index.remove(1)).toBe(true)
      await saved
      index.add(200, vectorOf(dim, 1))
      expect(index.search(vectorOf(dim, 1), 250)).toHaveLength(199)
    })

    it('refuses a file that is missing, cut short, lengthened, garbage or of another index', async () => {
      const path = join(folder, `bad-${metric}`)
      await expect(subject.load(path, { metric, dim })).rejects.toMatchObject({ code: 'INDEX_INVALID' })
      await filled(300).index.save(path)
      const whole = await readFile(path)
      await expect(subject.load(path, { metric, dim: dim + 4 })).rejects.toMatchObject({
        code: 'INDEX_INVALID',
      })
      for (const length of [0, 1, 31, 95, 96, 1000, whole.length - 4, whole.length - 1]) {
        await truncate(path, length)
        await expect(subject.load(path, { metric, dim })).rejects.toMatchObject({ code: 'INDEX_INVALID' })
        await writeFile(path, whole)
      }
      await appendFile(path, Buffer.alloc(8))
      await expect(subject.load(path, { metric, dim })).rejects.toMatchObject({ code: 'INDEX_INVALID' })
      const random = seededRandom(4)
      await writeFile(path, Buffer.from(Array.from(whole, () => random.int(256))))
      await expect(subject.load(path, { metric, dim })).rejects.toMatchObject({ code: 'INDEX_INVALID' })
      await writeFile(path, whole)
      expect((await subject.load(path, { metric, dim })).count).toBe(300)
    })

    it('survives any altered byte of a file', async () => {
      const path = join(folder, `altered-${metric}`)
      await filled(120).index.save(path)
      const whole = await readFile(path)
      const random = seededRandom(5)
      for (let i = 0; i < 150; i++) {
        const altered = Buffer.from(whole)
        const at = i < 96 ? i : random.int(whole.length)
        altered[at] = (altered[at] as number) ^ (1 << random.int(8))
        await writeFile(path, altered)
        // either refused, or good enough to be searched without harm
        const loaded = await subject.load(path, { metric, dim }).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'INDEX_INVALID' })
          return undefined
        })
        expect(loaded?.search(vectorOf(dim, 1), 10).length ?? 0).toBeLessThanOrEqual(10)
      }
    })

    it('refuses to save where it cannot, and leaves what was there', async () => {
      const { index } = filled(20)
      await expect(index.save(join(folder, 'not-there', 'x'))).rejects.toMatchObject({
        code: 'HOME_NOT_WRITABLE',
      })
      index.add(20, vectorOf(dim, 1))
      expect(index.count).toBe(21)
    })

    it('keeps everything findable through 20 % removals and 20 % updates of 6,000', () => {
      const { index, model } = filled(6000, 6)
      const random = seededRandom(7)
      let next = 6000
      for (const label of [...model.keys()]) {
        const fate = random.uniform()
        if (fate < 0.2) {
          index.remove(label)
          model.delete(label)
        } else if (fate < 0.4) {
          const vector = drawVector(random, dim, metric)
          index.update(label, next, vector)
          model.delete(label)
          model.set(next++, vector)
        }
      }
      expect(index.count).toBe(model.size)
      expect(recallOf(index, model, 40)).toBeGreaterThanOrEqual(subject.recall)
      const lost = [...model].filter(
        ([label, vector]) => metric !== 'dot' && index.search(vector, 1)[0]?.label !== label,
      )
      expect(lost).toHaveLength(0)
      expect(index.search(vectorOf(dim, 1), 6000).every(({ label }) => model.has(label))).toBe(true)
    })
  })
}

/** A vector that differs for each `n`. */
function vectorOf(dim: number, n: number): Float32Array {
  return new Float32Array(dim).map((_, i) => Math.sin(n * (i + 1)))
}

/** For dot the norms go from 0.01 to 100. */
function drawVector(random: Random, dim: number, metric: Metric): Float32Array {
  const scale = metric === 'dot' ? 10 ** (4 * random.uniform() - 2) / Math.sqrt(dim) : 1
  return new Float32Array(dim).map(() => scale * random.normal())
}

function nearestFirst(a: Neighbour, b: Neighbour): number {
  return a.distance - b.distance || a.label - b.label
}

function expectDistance(
  metric: Metric,
  query: Float32Array,
  model: ReadonlyMap<number, Float32Array>,
  found: Neighbour,
): void {
  const vector = model.get(found.label)
  expect(vector).toBeDefined()
  if (!vector) return
  const truth = distance(metric, query, vector)
  expect(Math.abs(found.distance - truth)).toBeLessThan(1e-5 * Math.max(1, Math.abs(truth)))
}

function recallOf(index: VectorIndex, model: ReadonlyMap<number, Float32Array>, queries: number): number {
  const random = seededRandom(8)
  let found = 0
  for (let i = 0; i < queries; i++) {
    const query = drawVector(random, index.dim, index.metric)
    const truth = [...model]
      .map(([label, vector]) => ({ label, distance: distance(index.metric, query, vector) }))
      .sort(nearestFirst)
      .slice(0, 10)
    const nearest = new Set(truth.map(({ label }) => label))
    found += index.search(query, 10).filter(({ label }) => nearest.has(label)).length
  }
  return found / (10 * queries)
}
