import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { distance, type Metric } from '#src/core/metrics.js'
import { seededRandom } from '#src/core/random.js'
import { HnswIndex } from '#src/indexes/hnsw-index.js'
import { scanTable } from '#src/indexes/scan-table.js'
import { VectorTable } from '#src/indexes/vector-table.js'
import { clusteredVectors } from '../../scripts/bench/clustered-vectors.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kindred-hnsw-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const code = (expected: string) => expect.objectContaining({ code: expected })

describe('HnswIndex', () => {
  it('finds .99 of the nearest by default among clustered vectors, through removals, updates and a reload', async () => {
    const dim = 64
    const { vectors, queries } = clusteredVectors({ seed: 11, count: 6000, dim, queries: 300, clusters: 60 })
    const index = HnswIndex.create({ metric: 'cosine', dim, unit: true, capacity: 6000 })
    const table = new VectorTable(dim)
    const random = seededRandom(12)
    const at = (row: number): Float32Array => vectors.subarray(row * dim, (row + 1) * dim)
    for (let label = 0; label < 5000; label++) {
      index.add(label, at(label))
      table.append(label, label, 0, at(label))
    }
    const recall = (of: HnswIndex): number => {
      let found = 0
      for (const query of queries) {
        const truth = new Set(scanTable(table, query, 'cosine', 10).map(({ label }) => label))
        found += of.search(query, 10).filter(({ label }) => truth.has(label)).length
      }
      return found / (10 * queries.length)
    }
    expect(recall(index)).toBeGreaterThanOrEqual(0.99)
    for (let label = 0; label < 5000; label++) {
      if (random.uniform() >= 0.2) continue
      index.remove(label)
      table.kill(label)
    }
    for (let next = 5000; next < 6000; next++) {
      const old = random.int(5000)
      index.update(old, next, at(next))
      table.kill(old)
      table.append(next, next, 0, at(next))
    }
    expect(index.count).toBe(table.live)
    const path = join(folder, 'clustered')
    await index.save(path)
    const loaded = await HnswIndex.load(path, { metric: 'cosine', dim, unit: true })
    for (const same of [index, loaded]) {
      expect(recall(same)).toBeGreaterThanOrEqual(0.99)
      for (let row = 0; row < table.rows; row++)
        if (table.isLive(row)) expect(same.search(table.vector(row), 1)[0]?.label).toBe(table.labelAt(row))
    }
  })

  it('finds what is added to a neighbourhood of which everything was removed', async () => {
    const dim = 8
    const random = seededRandom(13)
    const near = (centre: number): Float32Array =>
      new Float32Array(dim).map((_, i) => (i === centre ? 100 : 0) + 0.001 * random.normal())
    const index = HnswIndex.create({ metric: 'euclidean', dim })
    let label = 0
    // islands of identical or nearly identical vectors have all their links among themselves
    for (let i = 0; i < 2000; i++) index.add(label++, near(i % 4))
    for (let i = 0; i < 500; i++) index.add(label++, new Float32Array(dim).fill(7))
    const gone = Array.from({ length: label }, (_, i) => i).filter((i) => i >= 2000 || i % 4 === 0)
    for (const one of gone) index.remove(one)
    const path = join(folder, 'islands')
    await index.save(path)
    const loaded = await HnswIndex.load(path, { metric: 'euclidean', dim })
    for (const same of [index, loaded]) {
      for (let i = 0; i < 50; i++) {
        const [one, other] = [near(0), new Float32Array(dim).fill(7 + i / 1000)]
        same.add(10_000 + i, one)
        same.add(20_000 + i, other)
        expect(same.search(one, 1)[0]?.label).toBe(10_000 + i)
        expect(same.search(other, 1)[0]?.label).toBe(20_000 + i)
      }
    }
  })

  it('grows beyond its capacity', () => {
    const index = HnswIndex.create({ metric: 'euclidean', dim: 2, capacity: 0 })
    for (let label = 0; label < 1000; label++) index.add(label, Float32Array.of(label, 0))
    expect(index.search(Float32Array.of(500, 0), 1)).toEqual([{ label: 500, distance: 0 }])
  })

  it('takes labels in any order', () => {
    const index = HnswIndex.create({ metric: 'euclidean', dim: 1 })
    const labels = Array.from({ length: 500 }, (_, i) => (i * 7919) % 500)
    for (const label of labels) index.add(label, Float32Array.of(label))
    for (const label of labels) expect(index.search(Float32Array.of(label), 1)[0]?.label).toBe(label)
    expect(() => index.add(250, Float32Array.of(1))).toThrow(code('LABEL_REUSED'))
    expect([index.lastLabel, index.knows(499), index.knows(500)]).toEqual([499, true, false])
  })

  it('gives distances to the last bit where the owner lends the vectors', () => {
    const random = seededRandom(14)
    const vectors = Array.from({ length: 300 }, () => new Float32Array(20).map(() => random.normal()))
    for (const metric of ['cosine', 'euclidean', 'dot'] as Metric[]) {
      const index = HnswIndex.create({ metric, dim: 20, vectorOf: (label) => vectors[label] })
      vectors.forEach((vector, label) => {
        index.add(label, vector)
      })
      for (const { label, distance: found } of index.search(vectors[7] as Float32Array, 20))
        expect(found).toBe(distance(metric, vectors[7] as Float32Array, vectors[label] as Float32Array))
    }
  })

  it('answers dot for queries that point away from everything', () => {
    const random = seededRandom(15)
    const dim = 32
    const table = new VectorTable(dim)
    const index = HnswIndex.create({ metric: 'dot', dim })
    for (let label = 0; label < 3000; label++) {
      const scale = 10 ** (4 * random.uniform() - 2)
      const vector = new Float32Array(dim).map(() => scale * (1 + 0.5 * random.normal()))
      table.append(label, label, 0, vector)
      index.add(label, vector)
    }
    let found = 0
    for (let i = 0; i < 50; i++) {
      const query = new Float32Array(dim).map(() => -1 + 0.5 * random.normal())
      const truth = new Set(scanTable(table, query, 'dot', 10).map(({ label }) => label))
      found += index.search(query, 10).filter(({ label }) => truth.has(label)).length
    }
    expect(found / 500).toBeGreaterThanOrEqual(0.95)
  })

  it.each([1e-15, 1e15])('compares vectors of length %d as well as those of length 1', (scale) => {
    const random = seededRandom(16)
    const dim = 12
    for (const metric of ['cosine', 'euclidean', 'dot'] as Metric[]) {
      const index = HnswIndex.create({ metric, dim })
      const table = new VectorTable(dim)
      for (let label = 0; label < 500; label++) {
        const vector = new Float32Array(dim).map(() => scale * random.normal())
        index.add(label, vector)
        table.append(label, label, 0, vector)
      }
      const query = new Float32Array(dim).map(() => scale * random.normal())
      const labels = index.search(query, 5).map(({ label }) => label)
      expect(labels).toEqual(scanTable(table, query, metric, 5).map(({ label }) => label))
    }
  })

  it('refuses what euclidean distances of float32 cannot hold', () => {
    const index = HnswIndex.create({ metric: 'euclidean', dim: 2 })
    expect(() => index.add(0, Float32Array.of(1e19, 0))).toThrow(code('INVALID_VECTOR'))
    expect(() => index.search(Float32Array.of(1e19, 0), 1)).toThrow(code('INVALID_VECTOR'))
  })

  it('writes the same file for the same vectors and seed', async () => {
    const write = async (name: string, seed: number): Promise<Buffer> => {
      const random = seededRandom(17)
      const index = HnswIndex.create({ metric: 'cosine', dim: 8, seed })
      for (let label = 0; label < 500; label++)
        index.add(
          label,
          new Float32Array(8).map(() => random.normal()),
        )
      await index.save(join(folder, name))
      return readFile(join(folder, name))
    }
    const first = await write('seed-1', 1)
    expect(first.equals(await write('seed-1-again', 1))).toBe(true)
    expect(first.equals(await write('seed-2', 2))).toBe(false)
  })

  it.each([
    { dim: 0 },
    { dim: 2.5 },
    { m: 1 },
    { efConstruction: 0 },
    { capacity: -1 },
    { seed: Number.NaN },
  ])('refuses to be made with %o', (options) => {
    expect(() => HnswIndex.create({ metric: 'cosine', dim: 4, ...options })).toThrow(code('INVALID_REQUEST'))
  })

  it('refuses a bad ef', () => {
    const index = HnswIndex.create({ metric: 'cosine', dim: 2 })
    for (const ef of [0, -1, 1.5, Number.NaN])
      expect(() => index.search(Float32Array.of(1, 1), 1, { ef })).toThrow(code('INVALID_REQUEST'))
  })

  it('names the command to run where the native addon is missing', async () => {
    const built = fileURLToPath(import.meta.resolve('#src/indexes/hnsw-index.js'))
    const script = `
      const { Module } = await import('node:module')
      const load = Module._load
      Module._load = (name, ...rest) => {
        if (name === 'bindings') throw new Error('Could not locate the bindings file')
        return load(name, ...rest)
      }
      const { HnswIndex } = await import(${JSON.stringify(built)})
      try { HnswIndex.create({ metric: 'cosine', dim: 2 }) } catch (error) { console.log(error.code, error.message) }`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
    expect(stdout).toMatch(/^NATIVE_ADDON_MISSING .*npm rebuild hnswlib-node/)
  })
})
