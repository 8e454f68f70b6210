import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EmbeddedBackend } from '#src/backends/embedded/embedded-backend.js'
import { METRICS } from '#src/core/metrics.js'
import { seededRandom } from '#src/core/random.js'
import { nearestIds, RecordingJobs, vectorCollection, vectorItem } from '../support/backend-items.js'
import { clusteredVectors } from '../support/seeded-vectors.js'
import { temporaryFolder } from '../support/test-home.js'

const DIM = 24
const COUNT = 4_000

let home: ReturnType<typeof temporaryFolder>
let backend: EmbeddedBackend

beforeEach(async () => {
  home = temporaryFolder()
  backend = await EmbeddedBackend.open({ home: home.path, jobs: new RecordingJobs() })
})

afterEach(async () => {
  await backend.close()
  home.remove()
})

describe('after 20 % random deletes and 20 % updates', () => {
  it.each(METRICS)('%s: live items are found, deleted ones never', async (metric) => {
    await backend.createCollection(vectorCollection('c', DIM, [metric]))
    const vectors = clusteredVectors({ count: COUNT, dim: DIM, seed: 11, unit: false })
    const fresh = clusteredVectors({ count: COUNT, dim: DIM, seed: 12, unit: false })
    await backend.upsert(
      'c',
      vectors.map((vector, i) => vectorItem(`i${i}`, vector)),
    )
    await backend.settled('c')
    const random = seededRandom(13)
    const order = vectors.map((_, i) => i).sort(() => random.uniform() - 0.5)
    const deleted = order.slice(0, COUNT / 5)
    const updated = order.slice(COUNT / 5, (2 * COUNT) / 5)
    // searches go on meanwhile, and never see what was deleted before they began
    for (let from = 0; from < deleted.length; from += 100) {
      const ids = deleted.slice(from, from + 100).map((i) => `i${i}`)
      await backend.remove('c', ids)
      const changed = updated.slice(from, from + 100)
      await backend.upsert(
        'c',
        changed.map((i) => vectorItem(`i${i}`, fresh[i] as Float32Array)),
      )
      for (const i of changed) vectors[i] = fresh[i] as Float32Array
      const found = await nearestIds(backend, 'c', vectors[deleted[from] as number] as Float32Array, {
        metric,
        k: 50,
      })
      expect(found.filter((id) => ids.includes(id))).toEqual([])
    }
    await backend.settled('c')
    const gone = new Set(deleted.map((i) => `i${i}`))
    let hits = 0
    let asked = 0
    for (const [i, vector] of vectors.entries()) {
      if (gone.has(`i${i}`)) continue
      if (metric !== 'dot')
        expect(await nearestIds(backend, 'c', vector, { metric, k: 1 })).toEqual([`i${i}`])
      if (i % 40 !== 0) continue
      const truth = new Set(await nearestIds(backend, 'c', vector, { metric, exact: true }))
      for (const id of await nearestIds(backend, 'c', vector, { metric })) if (truth.has(id)) hits++
      asked += truth.size
    }
    expect(hits / asked).toBeGreaterThan(0.99)
    const all = await nearestIds(backend, 'c', vectors[0] as Float32Array, { metric, k: COUNT })
    expect(all).toHaveLength(COUNT - deleted.length)
    expect(all.filter((id) => gone.has(id))).toEqual([])
  })

  it('finds what is written while an index is being built', async () => {
    await backend.createCollection(vectorCollection('c', DIM))
    const vectors = clusteredVectors({ count: 6_000, dim: DIM, seed: 14 })
    const add = (from: number, to: number) =>
      backend.upsert(
        'c',
        vectors.slice(from, to).map((vector, i) => vectorItem(`i${from + i}`, vector)),
      )
    await add(0, 3_000)
    const settled = backend.settled('c')
    for (let from = 3_000; from < 6_000; from += 250) {
      await add(from, from + 250)
      await backend.remove('c', [`i${from - 3_000}`])
      expect(await nearestIds(backend, 'c', vectors[from + 249] as Float32Array, { k: 1 })).toEqual([
        `i${from + 249}`,
      ])
      expect(await nearestIds(backend, 'c', vectors[from - 3_000] as Float32Array)).not.toContain(
        `i${from - 3_000}`,
      )
    }
    await settled
    await backend.settled('c')
    expect((await backend.stats('c')).vectors.v).toEqual({ live: 5_988, indexed: 5_988 })
    for (let i = 0; i < 6_000; i += 17) {
      const found = await nearestIds(backend, 'c', vectors[i] as Float32Array, { k: 1 })
      if (i < 3_000 && i % 250 === 0) expect(found).not.toEqual([`i${i}`])
      else expect(found).toEqual([`i${i}`])
    }
  })
})
