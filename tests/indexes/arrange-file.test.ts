import { copyFile, mkdtemp, readFile, rm, stat, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { METRICS } from '#src/core/metrics.js'
import { seededRandom } from '#src/core/random.js'
import { arrangeHnswFile } from '#src/indexes/arrange-file.js'
import { readHnswFile } from '#src/indexes/hnsw-file.js'
import { HnswIndex } from '#src/indexes/hnsw-index.js'

const dim = 12
const count = 1500
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kindred-arrange-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const random = seededRandom(31)
const draw = (): Float32Array => new Float32Array(dim).map(() => random.normal())
/** Some of them removed, and some compared one by one. */
function someIndex(metric: (typeof METRICS)[number]): HnswIndex {
  const index = HnswIndex.create({ metric, dim, capacity: count })
  const vectors = Array.from({ length: count }, draw)
  // dot takes them in descending order of their norms
  vectors.sort((a, b) => Math.hypot(...b) - Math.hypot(...a))
  for (const [i, vector] of vectors.entries()) index.add(7 * i, vector)
  for (let i = 0; i < count; i += 5) index.remove(7 * i)
  for (let i = 1; i < count; i += 300) index.setApart(7 * i)
  return index
}

describe('arrangeHnswFile', () => {
  it.each([...METRICS])('changes no answer, no mark and no length, for %s', async (metric) => {
    const plain = join(folder, `plain-${metric}`)
    const arranged = join(folder, `arranged-${metric}`)
    await someIndex(metric).save(plain)
    await copyFile(plain, arranged)
    const numbers = metric === 'dot' ? dim + 2 : dim
    await arrangeHnswFile(arranged, numbers)

    expect((await stat(arranged)).size).toBe((await stat(plain)).size)
    expect((await readFile(arranged)).equals(await readFile(plain))).toBe(false)
    const [before, after] = [await readHnswFile(plain, numbers), await readHnswFile(arranged, numbers)]
    expect({ ...after, apart: [...after.apart].sort((a, b) => a - b) }).toEqual(before)
    expect(before.apart.length).toBeGreaterThan(0)
    const indexes = [
      await HnswIndex.load(plain, { metric, dim }),
      await HnswIndex.load(arranged, { metric, dim }),
    ] as const
    for (let i = 0; i < 100; i++) {
      const query = draw()
      for (const ef of [3, 64])
        expect(indexes[1].search(query, 3, { ef })).toEqual(indexes[0].search(query, 3, { ef }))
    }
    // and it goes on: what is added is found, and what is saved again is arranged again
    const added = draw()
    indexes[1].add(7 * count, added)
    await indexes[1].save(arranged, { arrange: true })
    const again = await HnswIndex.load(arranged, { metric, dim })
    expect([again.count, again.deadCount, again.lastLabel]).toEqual([1201, 300, 7 * count])
    if (metric !== 'dot') expect(again.search(added, 1)[0]?.label).toBe(7 * count)
  })

  it('leaves an empty file as it is, and arranges one element', async () => {
    for (const labels of [[], [3]]) {
      const path = join(folder, `few-${labels.length}`)
      const index = HnswIndex.create({ metric: 'cosine', dim })
      for (const label of labels) index.add(label, draw())
      await index.save(path, { arrange: true })
      const loaded = await HnswIndex.load(path, { metric: 'cosine', dim })
      expect([...loaded.labels()]).toEqual(labels)
    }
  })

  it('refuses what is no index file', async () => {
    const path = join(folder, 'short')
    await someIndex('cosine').save(path)
    await truncate(path, 50_000)
    await expect(arrangeHnswFile(path, dim)).rejects.toThrow('too few')
  })
})
