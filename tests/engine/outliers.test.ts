import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededRandom } from '#src/core/random.js'
import type { ItemInput } from '#src/core/types.js'
import type { Collection } from '#src/engine/collection.js'
import type { Kindred } from '#src/engine/kindred.js'
import { ENGINES, type OpenedEngine } from '../support/engines.js'

const DIM = 6
const COUNT = 300
const PLANTED = ['far 0', 'far 1', 'far 2', 'far 3', 'far 4']

/** Items around the origin, and a few far from it. */
function itemsOf(
  count: number,
  options: { seed?: number; shift?: number; prefix?: string } = {},
): ItemInput[] {
  const { seed = 1, shift = 0, prefix = 'near' } = options
  const random = seededRandom(seed)
  return Array.from({ length: count }, (_, i) => ({
    id: `${prefix} ${i}`,
    metadata: { kind: prefix, even: i % 2 === 0 },
    vectors: { v: Array.from({ length: DIM }, () => shift + random.normal()) },
  }))
}

describe.each(ENGINES)('outliers over %s', (name, open) => {
  let engine: OpenedEngine
  let kindred: Kindred
  let collection: Collection

  const create = (name: string) =>
    kindred.collection(name.replaceAll(' ', '-'), {
      spaces: [{ name: 'v', dim: DIM, metrics: ['euclidean'] }],
    })
  /** Waits for fits that begin by themselves. */
  const settled = async (name: string): Promise<void> => {
    await collection.outliers()
    for (const { id } of jobs(name, 'redetect')) for await (const job of kindred.jobs.watch(id)) void job
  }
  const jobs = (name: string, kind: string) =>
    kindred.jobs.list().filter((job) => job.collection === name && job.kind === kind)

  beforeAll(async () => {
    engine = await open()
    kindred = engine.kindred
    collection = await create('things')
    await collection.add([...itemsOf(COUNT), ...itemsOf(5, { shift: 9, prefix: 'far' })])
  })
  afterAll(() => engine.cleanup())

  it('fits detectors when it is first asked, and finds what was planted', async () => {
    const answer = await collection.outliers({ limit: 5 })
    expect(answer.outliers.map(({ id }) => id).toSorted()).toEqual(PLANTED)
    expect(answer).toMatchObject({
      ...{ space: 'v', detection: 1, reference: 'mixed', scored: COUNT + 5 },
      ...{ threshold: { pValue: 0.01, rate: 0.01 }, report: { items: COUNT + 5 } },
    })
    const [first] = answer.outliers
    expect(first).toMatchObject({ detector: 'verdict', detection: 1, flagged: true, space: 'v', version: 1 })
    expect(Object.keys(first?.detectors ?? {})).toEqual(
      expect.arrayContaining(['neighbours', 'lof', 'mahalanobis', 'forest', 'ecod']),
    )
    expect(answer.notes.join()).toContain('no rate of false alarms can be promised')
    expect(jobs('things', 'detect')).toHaveLength(1)
    await collection.outliers()
    expect(jobs('things', 'detect')).toHaveLength(1)
  })

  it('says the same of an item wherever it is shown, and finds items by it', async () => {
    const [first] = (await collection.outliers({ limit: 1 })).outliers
    const { id = '', ...anomaly } = first ?? {}
    expect((await collection.get(id))?.anomaly).toEqual(anomaly)
    const where = { '$anomaly.flagged': true }
    const listed = await collection.list({ where, include: ['anomaly'] })
    const { flagged } = await collection.outliers()
    expect(listed.items).toHaveLength(flagged)
    expect(listed.items.map((item) => item.id)).toEqual(expect.arrayContaining(PLANTED))
    const found = await collection.search({
      ...{ query: { id: 'near 0' }, where: { '$anomaly.pValue': { $lte: 0.01 } }, include: ['anomaly'] },
    })
    expect(found.results).toHaveLength(flagged)
    expect(found.results[0]?.anomaly).toMatchObject({ detector: 'verdict', flagged: true })
  })

  it('judges what is added, replaced and patched, and forgets what is removed', async () => {
    await collection.add(itemsOf(2, { shift: 14, prefix: 'late' }))
    expect((await collection.list({ where: { '$anomaly.flagged': true, kind: 'late' } })).items).toHaveLength(
      2,
    )
    expect((await collection.outliers({ limit: 2 })).outliers.map(({ id }) => id).toSorted()).toEqual([
      ...['late 0', 'late 1'],
    ])
    await collection.patch('late 0', { metadata: { seen: true } })
    expect((await collection.outliers()).scored).toBe(COUNT + 7)
    await collection.add([{ id: 'late 0', vectors: { v: Array.from({ length: DIM }, () => 0.1) } }])
    const [usual] = (await collection.list({ where: { $id: 'late 0' }, include: ['anomaly'] })).items
    await collection.outliers()
    expect((await collection.get('late 0'))?.anomaly?.flagged).toBe(false)
    expect(usual?.id).toBe('late 0')
    await collection.remove(['late 0', 'late 1'])
    expect((await collection.outliers()).scored).toBe(COUNT + 5)
  })

  it('flags by another rate or a false discovery rate without fitting again', async () => {
    const few = await collection.outliers({ rate: 0.02, flagged: true, limit: 1000 })
    const many = await collection.outliers({ rate: 0.2, flagged: true, limit: 1000 })
    expect(many.flagged).toBeGreaterThan(few.flagged)
    expect(many.outliers).toHaveLength(many.flagged)
    expect(many.outliers.every(({ pValue = 1 }) => pValue <= 0.2)).toBe(true)
    const byFdr = await collection.outliers({ fdr: 0.2 })
    expect(byFdr.threshold).toMatchObject({ fdr: 0.2 })
    expect(
      byFdr.outliers.every(({ flagged, pValue = 1 }) => flagged === pValue <= byFdr.threshold.pValue),
    ).toBe(true)
    expect(jobs('things', 'detect')).toHaveLength(1)
  })

  it('says that a false discovery rate cannot be met, and flags nothing', async () => {
    const answer = await collection.outliers({ fdr: 1e-9, reference: 'clean' })
    expect(answer).toMatchObject({ flagged: 0, reference: 'clean', threshold: { pValue: 0, fdr: 1e-9 } })
    expect(answer.outliers.some(({ flagged }) => flagged)).toBe(false)
    expect(answer.notes.join()).toContain('no item can be flagged at a false discovery rate of 1e-9')
    await collection.outliers({ reference: 'mixed' })
  })

  it('is not fitted again and again where only a part of the items was fitted to', async () => {
    const part = await create('part')
    await part.add([...itemsOf(200), ...itemsOf(40, { seed: 3, prefix: 'other' })])
    await (await part.detect({ where: { kind: 'other' } })).finished
    const { detection, scored, report } = await part.outliers()
    expect({ scored, items: report.items }).toEqual({ scored: 240, items: 40 })
    await part.add(itemsOf(3, { seed: 4, prefix: 'more' }))
    expect(await part.outliers()).toMatchObject({ detection, scored: 243 })
    expect(jobs('part', 'redetect')).toEqual([])
  })

  // how many are judged in a round is a matter of the engine alone: once, over the backend that ships
  it.runIf(name === 'embedded')('judges all of a large addition before it answers', async () => {
    const large = await create('large')
    await large.add(itemsOf(40))
    await large.outliers()
    for (let part = 0; part < 3; part++)
      await large.add(itemsOf(8_000, { seed: 20 + part, prefix: `p${part}` }))
    expect((await large.outliers({ limit: 1 })).scored).toBe(24_040)
  })

  it('explains many collections at once', async () => {
    const many = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const made = await create(`many ${i}`)
        await made.add(itemsOf(20, { seed: i }))
        await made.outliers()
        return made
      }),
    )
    const explained = await Promise.all(many.map((made) => made.explain('near 0')))
    expect(explained.every(({ reasons }) => reasons.length > 0)).toBe(true)
  })

  it('orders by one detector where that is asked', async () => {
    const { outliers } = await collection.outliers({ detector: 'forest', limit: 300 })
    const scores = outliers.map(({ detectors }) => detectors?.forest?.score ?? Number.NaN)
    expect(scores).toEqual([...scores].sort((a, b) => b - a))
    // one that is shown and has no part in the verdict too
    const thin = await collection.outliers({ detector: 'lof', limit: 300 })
    expect(thin.report.weights.lof).toBe(0)
    const factors = thin.outliers.map(({ detectors }) => detectors?.lof?.score ?? Number.NaN)
    expect(factors).toEqual([...factors].sort((a, b) => b - a))
    await expect(collection.outliers({ detector: 'astrology' })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: expect.stringContaining('mahalanobis'),
    })
  })

  it('keeps what people say: fine is not flagged, strange is, and the detectors are fitted again', async () => {
    expect(await collection.correct(['far 0'], 'fine')).toEqual({ corrected: 1 })
    await collection.correct('near 3', 'strange')
    expect((await collection.get('far 0'))?.anomaly).toMatchObject({ flagged: false, correction: 'fine' })
    expect((await collection.get('near 3'))?.anomaly).toMatchObject({ flagged: true, correction: 'strange' })
    const before = (await collection.outliers()).detection
    for (;;) {
      await settled('things')
      const [current] = await collection.detections()
      if (current && current.version > before && current.state === 'current') break
    }
    expect(
      (await collection.outliers({ flagged: true, limit: 1000 })).outliers.map(({ id }) => id),
    ).not.toContain('far 0')
    expect((await collection.get('near 3'))?.anomaly).toMatchObject({ flagged: true, correction: 'strange' })
    expect((await collection.corrections()).map(({ id, verdict }) => [id, verdict])).toEqual([
      ['near 3', 'strange'],
      ['far 0', 'fine'],
    ])
    await collection.correct(['far 0', 'near 3'], null)
    expect(await collection.corrections()).toEqual([])
    await expect(collection.correct(['nobody'], 'fine')).rejects.toMatchObject({ code: 'ITEM_NOT_FOUND' })
    await expect(collection.correct(['far 0'], 'dubious' as 'fine')).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    })
  })

  it('judges one collection by another, and by a part of it, and keeps nothing', async () => {
    const fresh = await create('fresh')
    await fresh.add([...itemsOf(40, { seed: 5 }), ...itemsOf(3, { shift: 12, prefix: 'odd' })])
    const answer = await fresh.outliers({ against: 'things', limit: 3 })
    expect(answer.outliers.map(({ id }) => id).toSorted()).toEqual(['odd 0', 'odd 1', 'odd 2'])
    expect(answer).toMatchObject({ reference: 'clean', scored: 43 })
    expect(answer.outliers[0]).toMatchObject({ flagged: true, detector: 'verdict' })
    expect(await fresh.detections()).toEqual([])
    // among strangers alone it is the others who are strange
    await create('strangers').then((made) => made.add(itemsOf(60, { shift: 12, prefix: 'odd', seed: 9 })))
    const turned = await fresh.outliers({
      ...{ against: { collection: 'strangers', where: { kind: 'odd' } }, rate: 0.05, limit: 43 },
    })
    expect(
      turned.outliers
        .slice(-3)
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(['odd 0', 'odd 1', 'odd 2'])
    await expect(fresh.outliers({ against: 'nowhere' })).rejects.toMatchObject({
      code: 'COLLECTION_NOT_FOUND',
    })
    const other = await kindred.collection('other', { spaces: [{ name: 'v', dim: 2 }] })
    await other.add([{ id: 'a', vectors: { v: [1, 2] } }])
    await expect(other.outliers({ against: 'things' })).rejects.toMatchObject({ code: 'DIMENSION_MISMATCH' })
  })

  it('answers with the detection before while another is fitted, and leaves it where that is cancelled', async () => {
    await settled('things')
    const { detection } = await collection.outliers()
    const { job, finished } = await collection.detect({ reference: 'clean' })
    const [answer] = await Promise.all([collection.outliers(), kindred.jobs.cancel(job)])
    expect(answer.detection).toBe(detection)
    await expect(finished).rejects.toMatchObject({ code: 'CANCELLED' })
    expect((await collection.outliers()).detection).toBe(detection)
  })

  it.each([
    [0, 'INVALID_REQUEST'],
    [1, 'INVALID_REQUEST'],
    [-1, 'INVALID_REQUEST'],
    [5, 'INVALID_REQUEST'],
    [Number.NaN, 'INVALID_REQUEST'],
  ])('refuses a rate and an fdr of %s', async (share, code) => {
    await expect(collection.outliers({ rate: share })).rejects.toMatchObject({
      code,
      details: { field: 'rate' },
    })
    await expect(collection.detect({ fdr: share })).rejects.toMatchObject({ code, details: { field: 'fdr' } })
  })

  it('refuses what it does not understand', async () => {
    const refused = { code: 'INVALID_REQUEST' }
    await expect(collection.outliers({ rate: 0.1, fdr: 0.1 })).rejects.toMatchObject(refused)
    await expect(collection.outliers({ reference: 'dirty' as 'clean' })).rejects.toMatchObject(refused)
    await expect(collection.outliers({ space: 'w' })).rejects.toMatchObject({ code: 'SPACE_NOT_FOUND' })
    await expect(collection.outliers({ against: 7 as unknown as string })).rejects.toMatchObject(refused)
    await expect(collection.detect({ colour: 'red' } as object)).rejects.toMatchObject(refused)
  })

  it.each([0, 1, 2, 9])('says that %i items are too few', async (count) => {
    const few = await create(`few ${count}`)
    if (count > 0) await few.add(itemsOf(count))
    await expect(few.outliers()).rejects.toMatchObject({
      code: 'TOO_FEW_ITEMS',
      details: { items: count },
    })
    const { finished } = await few.detect()
    await expect(finished).rejects.toMatchObject({ code: 'TOO_FEW_ITEMS' })
  })

  it.each<[string, ItemInput[]]>([
    ['20 items', itemsOf(20)],
    [
      'items that are all equal',
      Array.from({ length: 30 }, (_, i) => ({ id: `${i}`, vectors: { v: [1, 2, 3, 4, 5, 6] } })),
    ],
    ['constant dimensions', itemsOf(50).map((item, i) => ({ ...item, vectors: { v: [7, 0, i, 7, 0, 7] } }))],
  ])('answers over %s', async (name, items) => {
    const odd = await create(name)
    await odd.add(items)
    for (const reference of ['mixed', 'clean'] as const) {
      const { outliers, scored } = await odd.outliers({ reference })
      expect(scored).toBe(items.length)
      for (const { score, pValue = Number.NaN } of outliers) {
        expect(Number.isFinite(score)).toBe(true)
        expect(pValue).toBeGreaterThan(0)
        expect(pValue).toBeLessThanOrEqual(1)
      }
    }
  })

  it('judges items of another collection alike, whether or not they share an id with one of its own', async () => {
    const dishes = [
      'soup',
      'bread',
      'rice',
      'beans',
      'salad',
      'cake',
      'stew',
      'pasta',
      'jam',
      'curry',
      'pie',
      'tea',
    ]
    const textOf = (dish: string): string => `How to cook ${dish}: wash, cut, boil and season it.`
    const known = await kindred.collection('dishes')
    await known.add(dishes.map((dish) => ({ id: dish, text: textOf(dish) })))
    const fresh = await kindred.collection('fresh-dishes')
    await fresh.add([
      { id: 'soup', text: textOf('soup') },
      { id: 'another', text: textOf('soup') },
    ])
    const { outliers } = await fresh.outliers({ against: 'dishes' })
    expect(outliers).toHaveLength(2)
    expect(outliers[0]?.score).toBe(outliers[1]?.score)
  })

  it('answers over fewer items than dimensions', async () => {
    const wide = await kindred.collection('wide', { spaces: [{ name: 'v', dim: 64 }] })
    const random = seededRandom(3)
    const vectors = Array.from({ length: 25 }, () => Array.from({ length: 64 }, () => random.normal()))
    await wide.add(vectors.map((v, i) => ({ id: `${i}`, vectors: { v } })))
    expect((await wide.outliers()).scored).toBe(25)
  })
})
