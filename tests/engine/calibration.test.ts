import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededRandom } from '#src/core/random.js'
import type { SearchAnswer, SearchRequest } from '#src/core/types.js'
import type { Collection } from '#src/engine/collection.js'
import { Kindred } from '#src/engine/kindred.js'
import { ENGINES, type OpenedEngine } from '../support/engines.js'

const SENTENCES = [
  'A tomato plant needs sun and a stake to climb.',
  'Basil grows well on a warm window sill.',
  'Water the seedlings every morning before the heat.',
  'Compost makes poor soil rich within a year.',
  'Prune the apple tree while it sleeps in winter.',
  'Slugs eat young lettuce during wet nights.',
  'Roses flower again when old blooms are cut.',
  'Carrots prefer deep and sandy ground.',
  'Cover the beds with straw against the frost.',
  'Beans climb a pole and feed the soil with nitrogen.',
  'A greenhouse lengthens the season by two months.',
  'Mint spreads quickly and is better kept in pots.',
  'Bees visit lavender and carry its pollen.',
  'Potatoes are planted when the dandelions flower.',
  'The hedge is cut twice a year with sharp shears.',
  'Strawberries send out runners that root by themselves.',
  'Onions are dried in the sun before they are stored.',
  'A rain barrel saves water for dry weeks.',
  'Weeds pull out easily after a shower.',
  'Garlic cloves go into the earth in autumn.',
  'Pumpkins need much room and much manure.',
  'Earthworms loosen heavy clay.',
  'Cucumbers turn bitter when they lack water.',
  'Lawns are mown high in a hot summer.',
]
const NONSENSE = ['fiscal helicopter tribunal sonata', 'goalkeeper invoice asteroid parliament laptop violin']

describe.each(ENGINES)('a calibrated collection over %s', (_name, open) => {
  let engine: OpenedEngine
  let garden: Collection

  beforeAll(async () => {
    engine = await open()
    garden = await engine.kindred.collection('garden')
    await garden.add(SENTENCES.map((text, i) => ({ id: `s${i}`, text, metadata: { i } })))
  })
  afterAll(() => engine.cleanup())

  const search = (text: string, request: Partial<SearchRequest> = {}): Promise<SearchAnswer> =>
    garden.search({ query: { text }, k: 5, ...request })

  it('has a verdict on a text from the first search on, if it is small', async () => {
    const answer = await search('when should garlic be planted?')
    expect(answer.match).toBe('good')
    const { likelihood, percentile, deviations, words } = answer.matchReason ?? {}
    expect(likelihood).toBeGreaterThan(0.9)
    expect(deviations).toBeGreaterThan(1)
    expect(percentile).toBeGreaterThan(0)
    expect(words).toBeGreaterThan(0)
  })

  it('says that words which mean nothing there have no good match, and answers all the same', async () => {
    for (const text of NONSENSE) {
      for (const mode of ['hybrid', 'dense'] as const) {
        const { match, matchReason, results } = await search(text, { mode })
        expect([text, mode, match]).toEqual([text, mode, 'none'])
        expect(matchReason?.likelihood).toBeLessThan(0.5)
        expect(results.length).toBe(5)
      }
    }
  })

  it('gives what vectors found a percentile that grows with the similarity', async () => {
    const { results } = await search('cutting back roses', { mode: 'dense', k: 24 })
    const percentiles = results.map(({ percentile = Number.NaN }) => percentile)
    expect(percentiles).toEqual(percentiles.toSorted((a, b) => b - a))
    expect(percentiles[0]).toBeGreaterThan(95)
    expect(Math.min(...percentiles)).toBeGreaterThanOrEqual(0)
    const hybrid = await search('cutting back roses', { k: 24 })
    for (const { scores, percentile } of hybrid.results) {
      expect(percentile === undefined).toBe(scores?.dense === undefined)
    }
  })

  it('gives the same verdict whatever k and include are', async () => {
    const reasons = await Promise.all(
      [{ k: 1 }, { k: 20 }, { include: [] }].map((request) => search('storing onions', request)),
    )
    const [first, ...others] = reasons.map(({ match, matchReason }) => ({ match, matchReason }))
    for (const other of others) expect(other).toEqual(first)
  })

  it('gives the same verdict on pages, groups and variety, and none where bounds leave nothing', async () => {
    for (const mode of ['hybrid', 'dense'] as const) {
      const plain = await search('storing onions', { mode, exact: true })
      expect(plain.match).toBe('good')
      const verdict = { match: plain.match, matchReason: plain.matchReason }
      const first = await search('storing onions', { mode, k: 3, offset: 0 })
      const shapes: Partial<SearchRequest>[] = [
        { k: 3, cursor: first.cursor },
        { k: 3, offset: 20 },
        { groupBy: 'i', k: 3 },
        { diversity: 0.5, k: 3, exact: true },
        { minScore: -1 },
      ]
      for (const answer of [
        first,
        ...(await Promise.all(shapes.map((shape) => search('storing onions', { mode, ...shape })))),
      ]) {
        const { results, match, matchReason } = answer
        expect({ match, matchReason }).toEqual(verdict)
        for (const { percentile, scores } of results) {
          expect(percentile === undefined).toBe(mode === 'hybrid' && scores?.dense === undefined)
        }
      }
      const beyond = await search('storing onions', { mode, minScore: 2 })
      expect(beyond).toMatchObject({ results: [], match: 'none', matchReason: { likelihood: 0 } })
    }
    const like = await garden.search({ query: { positive: [{ text: 'roses' }, { id: 's6' }] }, offset: 1 })
    expect(like.match).toBeUndefined()
    expect(like.results[0]?.percentile).toBeGreaterThan(0)
  })

  it('judges no item asked by its id, and no words alone', async () => {
    const like = await garden.search({ query: { id: 's6' } })
    expect(like.match).toBeUndefined()
    expect(like.results[0]?.percentile).toBeGreaterThan(0)
    const words = await search('roses', { mode: 'keyword' })
    expect(words.match).toBeUndefined()
    expect(words.results[0]?.percentile).toBeUndefined()
  })

  it('has no match where a filter leaves nothing', async () => {
    const answer = await search('roses', { where: { i: 99 } })
    expect(answer).toMatchObject({ results: [], match: 'none', matchReason: { likelihood: 0 } })
  })

  it('judges by each metric, and vectors of the user too', async () => {
    const euclidean = await search('cutting back roses', { metric: 'euclidean' })
    expect(euclidean.match).toBe('good')
    const random = seededRandom(2)
    const own = await engine.kindred.createCollection('own', { spaces: [{ name: 'own', dim: 8 }] })
    const vector = (): number[] => Array.from({ length: 8 }, () => random.normal())
    await own.add(Array.from({ length: 60 }, (_, i) => ({ id: `v${i}`, vectors: { own: vector() } })))
    const answer = await own.search({ query: { vector: vector() }, k: 60 })
    expect(answer.match).toBeUndefined()
    const percentiles = answer.results.map(({ percentile = Number.NaN }) => percentile)
    expect(percentiles[0]).toBeGreaterThan(80)
    expect(percentiles.at(-1)).toBeLessThan(20)
  })

  it('is none under twenty items, and one as soon as it has grown', async () => {
    const few = await engine.kindred.collection('few')
    await few.add(SENTENCES.slice(0, 19).map((text, i) => ({ id: `s${i}`, text })))
    const ask = () => few.search({ query: { text: 'roses' }, calibrated: true })
    const before = await ask()
    expect(before.match).toBeUndefined()
    expect(before.results[0]?.percentile).toBeUndefined()
    await few.add([{ id: 'one more', text: 'Roses like clay.' }])
    expect((await ask()).match).toBe('good')
  })

  it('is made anew after a fifth of the items changed', async () => {
    const moving = await engine.kindred.collection('moving')
    await moving.add(SENTENCES.map((text, i) => ({ id: `s${i}`, text })))
    const reason = async () =>
      (await moving.search({ query: { text: 'roses' }, where: { $id: 's6' } })).matchReason
    const first = await reason()
    await moving.add([{ id: 'a', text: 'The hedgehog sleeps under leaves.' }])
    expect(await reason()).toEqual(first)
    const more = Array.from({ length: 8 }, (_, i) => ({ id: `m${i}`, text: `Rose number ${i} is red.` }))
    await moving.add(more)
    await expect.poll(reason, { timeout: 20_000 }).not.toEqual(first)
  })

  it('forgets a collection that was deleted', async () => {
    const made = await engine.kindred.collection('short-lived')
    await made.add(SENTENCES.map((text, i) => ({ id: `s${i}`, text })))
    expect((await made.search({ query: { text: 'roses' } })).match).toBe('good')
    await engine.kindred.deleteCollection('short-lived')
    const again = await engine.kindred.collection('short-lived')
    await again.add([{ id: 'a', text: 'Roses' }])
    expect((await again.search({ query: { text: 'roses' } })).match).toBeUndefined()
  })

  it('refuses what is no boolean', async () => {
    const request = { query: { text: 'a' }, calibrated: 'yes' } as unknown as SearchRequest
    await expect(garden.search(request)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      details: { field: 'calibrated' },
    })
  })

  it('closes while a calibration is being made', async () => {
    const other = await open()
    const large = await other.kindred.collection('large')
    const items = Array.from({ length: 250 }, (_, i) => ({
      id: `i${i}`,
      text: `${SENTENCES[i % 24] ?? ''} ${i}`,
    }))
    await large.add(items)
    const { match } = await large.search({ query: { text: 'roses' } })
    expect(match).toBeUndefined()
    await other.cleanup()
  })
})

it('a calibration is kept in the home for the next process', async () => {
  const [, open] = ENGINES.at(-1) ?? []
  const engine = await open?.()
  if (engine?.kindred.backendKind !== 'embedded') return engine?.cleanup()
  const items = Array.from({ length: 250 }, (_, i) => ({ id: `i${i}`, text: `${SENTENCES[i % 24]} ${i}` }))
  await (await engine.kindred.collection('kept')).add(items)
  const request = { query: { text: 'roses' }, calibrated: true }
  const before = await (await engine.kindred.collection('kept')).search(request)
  await engine.kindred.close()
  const kindred = await Kindred.open({ home: engine.home, encoderThreads: 1 })
  try {
    const after = await (await kindred.collection('kept')).search(request)
    expect(after.match).toBe(before.match)
    expect(after.matchReason?.deviations).toBeCloseTo(before.matchReason?.deviations ?? Number.NaN, 4)
    expect(after.matchReason?.words).toBeCloseTo(before.matchReason?.words ?? Number.NaN, 6)
  } finally {
    await kindred.close()
    await engine.cleanup()
  }
})
