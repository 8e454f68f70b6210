import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededRandom } from '#src/core/random.js'
import type { Collection } from '#src/engine/collection.js'
import { alwaysLate } from '../support/always-late.js'
import { ENGINES, type OpenedEngine, openOverMemory } from '../support/engines.js'
import { MemoryBackend } from '../support/memory-backend.js'

describe.each(ENGINES)('at the same time over %s', (_name, open) => {
  let engine: OpenedEngine
  let collection: Collection

  beforeAll(async () => {
    engine = await open()
    collection = await engine.kindred.createCollection('busy', { spaces: [{ name: 'own', dim: 4 }] })
  })
  afterAll(() => engine.cleanup())

  it('patches of one item all land', async () => {
    await collection.add([{ id: 'shared', text: 'x' }])
    const other = await engine.kindred.getCollection('busy')
    const patches = Array.from({ length: 30 }, (_, i) =>
      (i % 2 ? collection : other).patch('shared', { metadata: { [`key${i}`]: i } }),
    )
    await Promise.all(patches)
    const stored = await collection.get('shared')
    expect(Object.keys(stored?.metadata ?? {})).toHaveLength(30)
  })

  it('patches and adds of one item both land, in some order', async () => {
    await collection.add([{ id: 'raced', text: 'x' }])
    const work: Promise<unknown>[] = []
    for (let i = 0; i < 10; i++) {
      work.push(collection.patch('raced', { metadata: { patched: i } }))
      work.push(collection.add([{ id: 'raced', text: `text ${i}`, metadata: { added: i } }]))
    }
    await Promise.all(work)
    const stored = await collection.get('raced')
    expect(stored?.text).toMatch(/^text \d$/)
    expect(stored?.metadata?.added).toBe(Number(stored?.text?.slice(5)))
  })

  it('adds of one id leave one whole item', async () => {
    const adds = Array.from({ length: 12 }, (_, i) =>
      collection.add([{ id: 'same', text: `t${i}`, metadata: { i }, vectors: { own: [i + 1, 1, 1, 1] } }]),
    )
    await Promise.all(adds)
    const stored = await collection.get('same', { include: ['metadata', 'text', 'vectors'] })
    const i = Number(stored?.metadata?.i)
    expect(stored).toMatchObject({ text: `t${i}`, vectors: { own: [[i + 1, 1, 1, 1]] } })
    const vector = [i + 1, 1, 1, 1]
    const { results } = await collection.search({ query: { vector }, metric: 'euclidean', exact: true })
    expect(results.filter(({ id }) => id === 'same')).toHaveLength(1)
    expect(results[0]?.distance).toBeCloseTo(0, 4)
  })

  it('searches see what was acknowledged, and only whole items, while others write', async () => {
    const random = seededRandom(3)
    const vector = (): number[] => Array.from({ length: 4 }, () => random.normal())
    await collection.add(
      Array.from({ length: 30 }, (_, i) => ({ id: `w${i}`, metadata: { i }, vectors: { own: vector() } })),
    )
    const writer = async (part: number): Promise<void> => {
      for (let round = 0; round < 12; round++) {
        const id = `w${part * 10 + (round % 10)}`
        const own = vector()
        await collection.add([{ id, metadata: { round }, vectors: { own } }])
        const { results } = await collection.search({ query: { vector: own }, metric: 'euclidean', k: 3 })
        const found = results.find((result) => result.id === id)
        expect(found?.distance).toBeCloseTo(0, 3)
        expect(found?.metadata).toEqual({ round })
        if (round % 3 === 2) {
          await collection.remove([id])
          const after = await collection.search({ query: { vector: own }, k: 30, include: [] })
          expect(after.results.map((result) => result.id)).not.toContain(id)
        }
      }
    }
    await Promise.all([writer(0), writer(1), writer(2)])
  })

  it('a search gives k items though others remove what it finds', async () => {
    const items = Array.from({ length: 60 }, (_, i) => ({
      id: `v${i}`,
      metadata: { i },
      vectors: { own: [100, i / 10, 0, 0] },
    }))
    await collection.add(items)
    const removing = Promise.all(Array.from({ length: 30 }, (_, i) => collection.remove([`v${i * 2}`])))
    const searches = Array.from({ length: 20 }, () =>
      collection.search({ query: { vector: [100, 0, 0, 0] }, metric: 'euclidean', k: 20 }),
    )
    for (const { results } of await Promise.all(searches)) {
      expect(results).toHaveLength(20)
      for (const { id, metadata } of results) expect(`v${metadata?.i}`).toBe(id)
    }
    await removing
  })

  it('a patch that always comes too late is refused with CONFLICT', async () => {
    const backend = new MemoryBackend(5)
    const { kindred, cleanup } = await openOverMemory(alwaysLate(backend))
    const late = await kindred.createCollection('late', { spaces: [{ name: 'own', dim: 1 }] })
    await late.add([{ id: 'a', text: 'x' }])
    await expect(late.patch('a', { text: 'y' })).rejects.toMatchObject({ code: 'CONFLICT' })
    expect((await late.get('a'))?.text).toBe('x')
    await cleanup()
  })
})

describe('a large add', () => {
  it('never holds the thread for long', async () => {
    const { kindred, cleanup } = await openOverMemory()
    const collection = await kindred.createCollection('large', { spaces: [{ name: 'own', dim: 128 }] })
    const row = Array.from({ length: 128 }, (_, i) => i + 1)
    const items = Array.from({ length: 20_000 }, (_, i) => ({
      id: `${i}`,
      vectors: { own: row },
      metadata: { i },
    }))
    let turns = 0
    let preparing = true
    const count = (): void => {
      turns++
      if (preparing) setImmediate(count)
    }
    setImmediate(count)
    const bad = [...items, { id: 'bad', vectors: { own: [1] } }]
    await expect(collection.add(bad)).rejects.toMatchObject({
      code: 'DIMENSION_MISMATCH',
      details: { index: 20_000 },
    })
    preparing = false
    expect(turns).toBeGreaterThan(5)
    await cleanup()
  })
})
