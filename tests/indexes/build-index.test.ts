import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { METRICS, type Metric } from '#src/core/metrics.js'
import { seededRandom } from '#src/core/random.js'
import { auditIndex } from '#src/indexes/audit-index.js'
import { buildHnsw } from '#src/indexes/build-index.js'
import { fileChecksum } from '#src/indexes/file-checksum.js'
import { HnswIndex } from '#src/indexes/hnsw-index.js'
import { scanTable } from '#src/indexes/scan-table.js'
import { VectorTable } from '#src/indexes/vector-table.js'

let folder: string
let path: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kindred-build-'))
  path = join(folder, 'index')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const dim = 16
/** For dot the norms go from 0.01 to 100. */
function table(rows: number, metric: Metric = 'cosine'): VectorTable {
  const random = seededRandom(21)
  const made = new VectorTable(dim)
  for (let row = 0; row < rows; row++) {
    const scale = metric === 'dot' ? 10 ** (4 * random.uniform() - 2) : 1
    made.append(
      3 * row,
      row,
      0,
      new Float32Array(dim).map(() => scale * random.normal()),
    )
  }
  return made
}

describe('buildHnsw', () => {
  it.each([...METRICS])('builds a file of the live rows, for %s', async (metric) => {
    const vectors = table(2000, metric)
    for (let label = 0; label < 600; label += 6) vectors.kill(label)
    const seen: number[] = []
    const built = await buildHnsw({
      table: vectors.share(),
      from: 100,
      to: 1900,
      metric,
      path,
      onProgress: (done, total) => seen.push(done, total),
    })
    expect(built).toEqual({
      count: 1750,
      dead: 0,
      apart: expect.any(Number),
      bytes: (await stat(path)).size,
      sha256: await fileChecksum(path),
      lastLabel: 3 * 1899,
      curve: expect.any(Array),
    })
    expect([seen.slice(0, 2), seen.slice(-2)]).toEqual([
      [0, 1750],
      [1750, 1750],
    ])
    const index = await HnswIndex.load(path, { metric, dim })
    const random = seededRandom(22)
    let found = 0
    for (let i = 0; i < 40; i++) {
      const query = new Float32Array(dim).map(() => random.normal())
      const truth = scanTable(vectors, query, metric, 10, { from: 100, to: 1900 })
      const labels = new Set(truth.map(({ label }) => label))
      found += index.search(query, 10).filter(({ label }) => labels.has(label)).length
    }
    expect(found / 400).toBeGreaterThanOrEqual(0.99)
  })

  it.each([...METRICS])('extends an index, without what has died, for %s', async (metric) => {
    const vectors = table(1500, metric)
    const first = join(folder, 'first')
    await buildHnsw({ table: vectors.share(), to: 1000, metric, path: first })
    vectors.kill(30)
    vectors.kill(3 * 1200)
    const built = await buildHnsw({
      table: vectors.share(),
      from: 1000,
      base: first,
      drop: [30],
      metric,
      path,
    })
    expect(built).toMatchObject({ count: 1498, dead: 1, lastLabel: 3 * 1499 })
    const index = await HnswIndex.load(path, { metric, dim })
    expect([index.has(30), index.knows(30), index.has(33), index.knows(3600), index.has(4497)]).toEqual([
      false,
      true,
      true,
      false,
      true,
    ])
    const query = vectors.vector(40)
    const truth = scanTable(vectors, query, metric, 5).map(({ label }) => label)
    expect(index.search(query, 5).map(({ label }) => label)).toEqual(truth)
  })

  it('builds an index in which every vector is found by itself, even where the graph loses many', async () => {
    const random = seededRandom(23)
    const vectors = new VectorTable(dim)
    for (let label = 0; label < 3000; label++) {
      const scale = 10 ** (4 * random.uniform() - 2)
      vectors.append(
        label,
        label,
        0,
        new Float32Array(dim).map(() => scale * random.normal()),
      )
    }
    const lostIn = async (audit: boolean): Promise<number> => {
      await buildHnsw({ table: vectors.share(), metric: 'euclidean', path, audit })
      const index = await HnswIndex.load(path, { metric: 'euclidean', dim })
      // what is kept apart is so in the files of the file, too, and can be removed
      await index.save(path)
      const again = await HnswIndex.load(path, { metric: 'euclidean', dim })
      expect(again.apartCount).toBe(index.apartCount)
      const lost = auditIndex(again, (label) => vectors.vector(label))
      for (const label of [10, 20, 30]) again.remove(label)
      expect(again.search(vectors.vector(20), 3000).some(({ label }) => label === 20)).toBe(false)
      expect(new Set(again.search(vectors.vector(20), 500).map(({ label }) => label)).size).toBe(500)
      return lost.length
    }
    expect(await lostIn(false)).toBeGreaterThan(0)
    expect(await lostIn(true)).toBe(0)
  })

  it('builds an empty index', async () => {
    expect(await buildHnsw({ table: table(3).share(), to: 0, metric: 'dot', path })).toMatchObject({
      count: 0,
      lastLabel: -1,
    })
    expect((await HnswIndex.load(path, { metric: 'dot', dim })).count).toBe(0)
  })

  it('stops when it is cancelled, and leaves nothing', async () => {
    await writeFile(path, 'what was there')
    const cancel = new AbortController()
    const building = buildHnsw({
      table: table(6000).share(),
      metric: 'cosine',
      efConstruction: 800,
      path,
      signal: cancel.signal,
      onProgress: () => cancel.abort(),
    })
    await expect(building).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await readdir(folder)).toEqual(['index'])
    expect(await readFile(path, 'utf8')).toBe('what was there')
    const before = buildHnsw({ table: table(1).share(), metric: 'cosine', path, signal: cancel.signal })
    await expect(before).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  it('passes on what fails in its thread', async () => {
    const shared = table(50).share()
    await expect(
      buildHnsw({ table: shared, metric: 'cosine', path: join(folder, 'no', 'x') }),
    ).rejects.toMatchObject({
      code: 'HOME_NOT_WRITABLE',
    })
    await buildHnsw({ table: shared, metric: 'cosine', path })
    await expect(buildHnsw({ table: shared, base: path, metric: 'cosine', path })).rejects.toMatchObject({
      code: 'LABEL_REUSED',
    })
    await truncate(path, 500)
    await expect(buildHnsw({ table: shared, base: path, metric: 'cosine', path })).rejects.toMatchObject({
      code: 'INDEX_INVALID',
    })
    const zero = new VectorTable(dim)
    zero.append(0, 0, 0, new Float32Array(dim))
    await expect(buildHnsw({ table: zero.share(), metric: 'cosine', path })).rejects.toMatchObject({
      code: 'ZERO_VECTOR',
    })
    expect(await readdir(folder)).toEqual(['index'])
  })
})

describe('fileChecksum', () => {
  it('is the SHA-256 of the bytes', async () => {
    await writeFile(path, 'abc')
    expect(await fileChecksum(path)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    await expect(fileChecksum(join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
