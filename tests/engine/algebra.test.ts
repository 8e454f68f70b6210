import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EngineError } from '#src/core/errors.js'
import { METRICS } from '#src/core/metrics.js'
import { seededRandom } from '#src/core/random.js'
import type { ItemInput, Metadata, SearchAnswer, SearchRequest, SearchResult } from '#src/core/types.js'
import type { Collection } from '#src/engine/collection.js'
import { ENGINES, type OpenedEngine } from '../support/engines.js'

const COUNT = 400
const GROUPS = 12
const random = seededRandom(5)
const normals = (dim: number): number[] => Array.from({ length: dim }, () => random.normal())
const ITEMS: ItemInput[] = Array.from({ length: COUNT }, (_, i) => ({
  id: `i${i}`,
  // group 0 has two thirds of all, the last has one item
  metadata: {
    i,
    kind: { of: i === 7 ? GROUPS : i % 3 === 0 ? 1 + ((i / 3) % (GROUPS - 1)) : 0 },
    tags: ['a', i % 2 === 0 ? 'even' : 'odd'],
    ...(i % 4 === 0 ? { quarter: `q${i % 8}` } : {}),
  },
  vectors: { own: normals(6), ...(i % 2 === 0 ? { other: normals(4) } : {}) },
}))
const vectorOf = (id: string, space = 'own'): number[] =>
  Array.from(ITEMS.find((item) => item.id === id)?.vectors?.[space] ?? [])
const unit = (vector: number[]): number[] => vector.map((x) => x / Math.hypot(...vector))
const kindOf = (metadata: Metadata = {}): unknown => (metadata.kind as { of: number }).of
const ids = ({ results }: { results: readonly SearchResult[] }): string[] => results.map(({ id }) => id)

describe.each(ENGINES)('query algebra over %s', (_name, open) => {
  let engine: OpenedEngine
  let collection: Collection
  let texts: Collection

  beforeAll(async () => {
    engine = await open()
    collection = await engine.kindred.createCollection('many', {
      spaces: [
        { name: 'own', dim: 6, metrics: ['cosine', 'euclidean', 'dot'] },
        { name: 'other', dim: 4 },
      ],
    })
    await collection.add(ITEMS)
    await collection.add([{ id: 'zero', vectors: { other: [0, 0, 0, 1] }, metadata: { kind: { of: 99 } } }])
    texts = await engine.kindred.createCollection('texts', {
      spaces: [
        { name: 'text', encoder: 'all-MiniLM-L6-v2' },
        { name: 'own', dim: 2 },
      ],
    })
    await texts.add([
      { id: 'cat', text: 'A cat sleeps on the sofa.', metadata: { of: 'pets' }, vectors: { own: [1, 0] } },
      {
        id: 'kitten',
        text: 'A kitten plays with wool.',
        metadata: { of: 'pets' },
        vectors: { own: [1, 0.1] },
      },
      { id: 'dog', text: 'A dog fetches a stick.', metadata: { of: 'pets' }, vectors: { own: [0, 1] } },
      { id: 'tax', text: 'Income tax is due in May.', metadata: { of: 'money' }, vectors: { own: [-1, 0] } },
      {
        id: 'long',
        text: Array.from({ length: 60 }, (_, i) => `Invoice ${i} about the bank account is paid.`).join(' '),
        metadata: { of: 'money' },
      },
    ])
  })
  afterAll(() => engine.cleanup())

  const search = (request: Partial<SearchRequest>): Promise<SearchAnswer> =>
    collection.search({ query: { vector: vectorOf('i0') }, space: 'own', exact: true, ...request })

  describe('examples', () => {
    it('ask for the mean of the positives less the mean of the negatives, and are never found', async () => {
      const [a, b, c] = ['i1', 'i2', 'i3'].map((id) => unit(vectorOf(id))) as [number[], number[], number[]]
      const vector = a.map((x, i) => (3 * x + (b[i] ?? 0)) / 4 - (c[i] ?? 0))
      const query = { positive: [{ id: 'i1', weight: 3 }, { id: 'i2' }], negative: [{ id: 'i3' }] }
      for (const metric of ['cosine', 'dot'] as const) {
        const found = await search({ query, metric, k: 20 })
        const expected = await search({ query: { vector }, metric, k: 30 })
        const others = ids(expected).filter((id) => !['i1', 'i2', 'i3'].includes(id))
        expect(ids(found)).toEqual(others.slice(0, 20))
        expect(found.plan).toMatchObject({ mode: 'dense', space: 'own', metric })
        expect(found.results[0]).toMatchObject({ metadata: expect.anything(), score: expect.any(Number) })
      }
    })

    it('ask alone what each asks by itself, in every metric', async () => {
      for (const metric of METRICS) {
        const alone = await search({ query: { id: 'i9' }, metric })
        const example = await search({ query: { positive: [{ id: 'i9' }] }, metric })
        expect(ids(example)).toEqual(ids(alone))
        expect(example.results[0]?.distance).toBeCloseTo(alone.results[0]?.distance ?? 0, 5)
      }
    })

    it('hold with a filter, and take vectors beside ids', async () => {
      const query = { positive: [{ id: 'i1' }, { vector: vectorOf('i2') }], negative: [] }
      const found = await search({ query, where: { tags: 'odd' }, k: 300 })
      expect(found.results).toHaveLength(COUNT / 2 - 1)
      expect(found.results.every(({ metadata }) => (metadata?.i as number) % 2 === 1)).toBe(true)
      expect(found.plan.filter?.matches).toBe(COUNT / 2)
    })

    it('of several spaces are joined by rank, the weights added up', async () => {
      const positive = [
        { vector: vectorOf('i2'), space: 'own', weight: 5 },
        { vector: vectorOf('i4', 'other'), space: 'other', weight: 1 },
      ]
      const found = await search({ query: { positive }, space: undefined, k: 5 })
      expect(found.plan).toMatchObject({ spaces: ['own', 'other'], metric: 'cosine', fusion: 'rrf' })
      expect(found.results[0]?.id).toBe('i2')
      expect(found.results.every(({ distance }) => distance === undefined)).toBe(true)
      const both = (await search({ query: { positive }, space: undefined, k: 2 * COUNT })).results
      expect(both).toHaveLength(COUNT + 1)
      expect(Object.keys(both.find(({ id }) => id === 'i4')?.spaceScores ?? {}).sort()).toEqual([
        'other',
        'own',
      ])
      expect(both[0]?.score).toBeLessThanOrEqual(1)
      const scores = both.map(({ score }) => score)
      expect(scores).toEqual(scores.toSorted((x, y) => y - x))
    })

    it('put an item where the others are', async () => {
      const positive = [{ vector: vectorOf('i4', 'other'), space: 'other' }, { id: 'i2' }]
      expect((await search({ query: { positive }, space: undefined })).plan.space).toBe('other')
      // an item that is not there itself takes all to where it is
      const common = { positive: [{ id: 'i2' }, { id: 'zero' }] }
      expect((await search({ query: common, space: undefined })).plan.space).toBe('other')
    })

    it('mean more like this text and less like that one', async () => {
      const query = { positive: [{ text: 'a pet' }], negative: [{ id: 'dog' }] }
      const found = await texts.search({ query, k: 2 })
      expect(ids(found).toSorted()).toEqual(['cat', 'kitten'])
      expect(found.results[0]).toHaveProperty('passage')
      expect(ids(await texts.search({ query: { positive: [{ id: 'long' }] }, k: 1 }))).toEqual(['tax'])
      const joint = { positive: [{ text: 'paying income tax' }, { vector: [-1, 0], space: 'own' }] }
      expect(ids(await texts.search({ query: joint, k: 1 }))).toEqual(['tax'])
    })
  })

  describe('bounds', () => {
    it('leave out what scores less, or is farther', async () => {
      const all = await search({ k: COUNT })
      const within = all.results.filter(({ score }) => score >= 0.5)
      expect(within.length).toBeGreaterThan(5)
      expect(ids(await search({ k: COUNT, minScore: 0.5 }))).toEqual(ids({ results: within }))
      expect(ids(await search({ k: 3, minScore: 0.5 }))).toEqual(ids({ results: within.slice(0, 3) }))
      expect(ids(await search({ minScore: 1.5 }))).toEqual([])
      const near = await search({ metric: 'euclidean', maxDistance: 2, k: COUNT, exact: false })
      const far = await search({ metric: 'euclidean', k: COUNT })
      expect(ids(near)).toEqual(ids({ results: far.results.filter(({ distance = 9 }) => distance <= 2) }))
      expect(near.plan.strategy).toBe('exact')
    })

    it('are of the joint score in hybrid search', async () => {
      const query = { text: 'a cat' }
      const all = await texts.search({ query })
      const bound = all.results[1]?.score ?? 0
      expect(ids(await texts.search({ query, minScore: bound }))).toEqual(ids(all).slice(0, 2))
    })
  })

  describe('pages', () => {
    const PAGED: [string, Partial<SearchRequest>][] = [
      ['a vector', {}],
      ['an item, with a filter', { query: { id: 'i5' }, where: { tags: 'even' } }],
      ['examples', { query: { positive: [{ id: 'i5' }], negative: [{ id: 'i6' }] } }],
      [
        'examples of two spaces',
        {
          query: {
            positive: [
              { id: 'i5', space: 'own' },
              { id: 'i6', space: 'other' },
            ],
          },
          space: undefined,
        },
      ],
      ['a bound', { minScore: 0 }],
      ['groups', { groupBy: 'kind.of' }],
      ['groups of two', { groupBy: 'kind.of', groupSize: 2 }],
    ]
    it.each(PAGED)('of %s neither overlap nor lose anything', async (_what, request) => {
      const whole = await search({ ...request, offset: 0, k: 1000, exact: false })
      expect(whole.cursor).toBeUndefined()
      const found: string[] = []
      let cursor: string | undefined
      for (let pages = 0; pages === 0 || cursor !== undefined; pages++) {
        const k = request.groupBy ? 1 + (pages % 3) : 17 + 60 * (pages % 2)
        const page = await search({
          ...request,
          exact: undefined,
          k,
          ...(pages === 0 ? { offset: 0 } : { cursor }),
        })
        found.push(...ids(page))
        cursor = page.cursor
      }
      expect(new Set(found).size).toBe(found.length)
      expect(found.toSorted()).toEqual(ids(whole).toSorted())
      if (!request.query || !('positive' in request.query)) expect(found).toEqual(ids(whole))
      expect(ids(await search({ ...request, offset: 3, k: 2 }))).toEqual(
        request.groupSize ? ids(whole).slice(6, 10) : found.slice(3, 5),
      )
    })

    it('of hybrid search neither overlap nor lose anything', async () => {
      const found: string[] = []
      let cursor: string | undefined
      for (let pages = 0; pages === 0 || cursor !== undefined; pages++) {
        const page = await texts.search({
          query: { text: 'pets and tax' },
          k: 2,
          ...(cursor ? { cursor } : { offset: 0 }),
        })
        found.push(...ids(page))
        cursor = page.cursor
      }
      expect(found.toSorted()).toEqual(['cat', 'dog', 'kitten', 'long', 'tax'])
      const words = { query: { text: 'a' }, mode: 'keyword', k: 1, offset: 1 } as const
      expect((await texts.search(words)).results.length).toBeLessThanOrEqual(1)
    })

    it('of what is equally near, and of hybrid search over many, give each once', async () => {
      const same = await engine.kindred.createCollection('same', { spaces: [{ name: 'own', dim: 3 }] })
      await same.add(
        Array.from({ length: 90 }, (_, i) => ({
          id: `${i}`,
          text: i % 2 === 0 ? 'word' : 'other',
          vectors: { own: i % 3 === 0 ? [1, 0, 0] : [1, 1, 0] },
        })),
      )
      for (const request of [
        { query: { vector: [1, 0, 0] } },
        { query: { text: 'word' }, mode: 'keyword' as const },
      ]) {
        const found: string[] = []
        let cursor: string | undefined
        for (let pages = 0; pages === 0 || cursor !== undefined; pages++) {
          const page = await same.search({ ...request, k: 7, ...(cursor ? { cursor } : { offset: 0 }) })
          found.push(...ids(page))
          cursor = page.cursor
        }
        expect(found).toHaveLength('text' in request.query ? 45 : 90)
        expect(new Set(found).size).toBe(found.length)
      }
      await engine.kindred.deleteCollection('same')
    })

    it('are cut from the new list where something was written between', async () => {
      const few = await engine.kindred.createCollection('few', { spaces: [{ name: 'own', dim: 2 }] })
      await few.add(['a', 'b', 'c', 'd'].map((id, i) => ({ id, vectors: { own: [1, i] } })))
      const first = await few.search({ query: { vector: [1, 0] }, k: 2, offset: 0 })
      expect(ids(first)).toEqual(['a', 'b'])
      await few.remove(['a'])
      expect(ids(await few.search({ query: { vector: [1, 0] }, k: 2, cursor: first.cursor }))).toEqual(['d'])
      await engine.kindred.deleteCollection('few')
    })

    it('take a cursor with another k and include, and of no other query', async () => {
      const { cursor } = await search({ offset: 0, exact: undefined })
      const next = await search({ cursor, k: 3, include: [], exact: undefined })
      expect(next.results).toHaveLength(3)
      for (const other of [
        { where: { i: 1 } },
        { query: { id: 'i1' } },
        { minScore: 0 },
        { metric: 'dot' as const },
      ]) {
        await expect(search({ cursor, exact: undefined, ...other })).rejects.toMatchObject({
          code: 'INVALID_REQUEST',
          details: { field: 'cursor' },
        })
      }
      await expect(texts.search({ query: { id: 'cat' }, cursor })).rejects.toMatchObject({
        code: 'INVALID_REQUEST',
      })
    })
  })

  describe('groups', () => {
    /** By the definition, over all items. */
    const expectGroups = async (request: Partial<SearchRequest>, k: number, size: number): Promise<void> => {
      const all = await search({ ...request, k: 1000 })
      const members = new Map<unknown, string[]>()
      for (const { id, metadata } of all.results) {
        const value = kindOf(metadata)
        members.set(value, [...(members.get(value) ?? []), id])
      }
      const expected = [...members.values()].slice(0, k).flatMap((group) => group.slice(0, size))
      const found = await search({ ...request, groupBy: 'kind.of', groupSize: size, k })
      expect(ids(found)).toEqual(expected)
      expect(found.results.map(({ group }) => group)).toEqual(
        found.results.map(({ metadata }) => kindOf(metadata)),
      )
    }

    it('are the best of each value, however large the largest is', async () => {
      await expectGroups({}, 3, 1)
      await expectGroups({}, GROUPS + 1, 1)
      await expectGroups({}, 50, 3)
      await expectGroups({ query: { vector: vectorOf('i1') }, where: { i: { $lt: 200 } } }, 5, 2)
      await expectGroups({ query: { positive: [{ id: 'i3' }], negative: [{ id: 'i4' }] } }, 6, 2)
      await expectGroups({ metric: 'euclidean', exact: false }, 5, 1)
    })

    it('leave out items without the field, and the metadata where it was not asked for', async () => {
      const found = await search({ groupBy: 'quarter', k: 10, include: [] })
      expect(found.results.map(({ group }) => group).toSorted()).toEqual(['q0', 'q4'])
      expect(found.results.every(({ metadata }) => metadata === undefined)).toBe(true)
      expect(ids(await search({ groupBy: 'tags' }))).toEqual([])
      expect(ids(await search({ groupBy: 'nothing' }))).toEqual([])
    })

    it('are of joint lists and of words too', async () => {
      const query = { text: 'pets that sleep' }
      const found = await texts.search({ query, groupBy: 'of' })
      expect(found.results.map(({ group }) => group)).toEqual(['pets', 'money'])
      expect(found.plan.mode).toBe('hybrid')
      const words = await texts.search({ query: { text: 'sofa' }, mode: 'keyword', groupBy: 'of' })
      expect(words.results).toMatchObject([{ id: 'cat', group: 'pets' }])
    })
  })

  describe('diversity', () => {
    it('spreads the results, and changes nothing at 0', async () => {
      const plain = await search({ k: 8 })
      expect(ids(await search({ k: 8, diversity: 0 }))).toEqual(ids(plain))
      const likeness = ({ results }: SearchAnswer): number => {
        let sum = 0
        for (const a of results) {
          for (const b of results) {
            const [x, y] = [unit(vectorOf(a.id)), unit(vectorOf(b.id))]
            sum += x.reduce((total, value, i) => total + value * (y[i] ?? 0), 0)
          }
        }
        return sum
      }
      const some = await search({ k: 8, diversity: 0.5 })
      expect(some.results).toHaveLength(8)
      expect(some.results[0]?.id).toBe(plain.results[0]?.id)
      expect(likeness(some)).toBeLessThan(likeness(plain) - 1)
      expect(likeness(await search({ k: 8, diversity: 1 }))).toBeLessThan(likeness(some))
    })

    it('is of other metrics and of hybrid search too', async () => {
      for (const metric of METRICS) {
        expect(new Set(ids(await search({ metric, diversity: 0.7, k: 10 }))).size).toBe(10)
      }
      const found = await texts.search({ query: { text: 'cats' }, diversity: 0.9, k: 2 })
      expect(ids(found).filter((id) => id === 'cat' || id === 'kitten')).toHaveLength(1)
    })
  })

  it('counts facets once over all that match', async () => {
    const shaped = await search({ groupBy: 'kind.of', facets: ['quarter'], minScore: 0.9 })
    expect(shaped.facets?.quarter).toEqual([
      { value: 'q0', count: COUNT / 8 },
      { value: 'q4', count: COUNT / 8 },
    ])
  })

  describe('many at once', () => {
    it('are answered in their order', async () => {
      const requests = Array.from({ length: 40 }, (_, i) => ({
        query: { id: `i${i}` },
        space: 'own',
        exact: true,
        k: 3,
      }))
      const answers = await collection.searchMany(requests)
      const alone = await Promise.all(requests.map((request) => collection.search(request)))
      expect(answers.map(ids)).toEqual(alone.map(ids))
      expect(await collection.searchMany([])).toEqual([])
    })

    const good = { query: { id: 'i1' }, space: 'own' }
    it.each<[string, unknown, object]>([
      ['no list', { query: good }, { code: 'INVALID_REQUEST', details: { field: 'searches' } }],
      ['too many', Array.from({ length: 101 }, () => good), { code: 'INVALID_REQUEST' }],
      [
        'too many results',
        [
          { ...good, k: 9_000 },
          { ...good, k: 9_000 },
        ],
        { code: 'INVALID_REQUEST' },
      ],
      [
        'a bad one',
        [good, { ...good, k: 0 }],
        { code: 'INVALID_REQUEST', details: { index: 1, field: 'searches[1].k' } },
      ],
      [
        'one of an unknown item',
        [good, { query: { id: 'nobody' } }],
        { code: 'ITEM_NOT_FOUND', details: { index: 1, field: 'searches[1].query.id' } },
      ],
    ])('refuse %s', async (_what, requests, expected) => {
      await expect(collection.searchMany(requests as never)).rejects.toMatchObject(expected)
    })
  })

  it('answers or refuses whatever is in the request, by one error class', async () => {
    const anything = fc.oneof(
      fc.anything({ maxDepth: 2, withBigInt: true, withTypedArray: true }),
      fc.double(),
      fc.integer({ min: -3, max: 300 }),
      fc.string(),
    )
    const part = fc.oneof(
      anything,
      fc.record(
        { id: fc.constantFrom('i1', 'i2', 'zero', ''), weight: anything, space: anything },
        { requiredKeys: ['id'] },
      ),
      fc.record({
        id: fc.constantFrom('i1', 'i2'),
        weight: fc.double({ min: 1e-300, max: 1e300, noNaN: true }),
      }),
    )
    const parts = fc.oneof(anything, fc.array(part, { maxLength: 4 }))
    const request = fc.record(
      {
        query: fc.record({ positive: parts, negative: parts }, { requiredKeys: ['positive'] }),
        space: fc.constantFrom('own', 'other', undefined),
        ...Object.fromEntries(
          [
            'minScore',
            'maxDistance',
            'offset',
            'cursor',
            'groupBy',
            'groupSize',
            'diversity',
            'k',
            'mode',
          ].map((field) => [field, anything]),
        ),
      },
      { requiredKeys: ['query'] },
    )
    await fc.assert(
      fc.asyncProperty(request, async (given) => {
        const outcome = await collection.search(given as never).then(
          ({ results }) => results,
          (error: unknown) => error,
        )
        if (Array.isArray(outcome)) {
          expect(outcome.every(({ score }: SearchResult) => Number.isFinite(score))).toBe(true)
        } else {
          expect(outcome).toBeInstanceOf(EngineError)
          expect(outcome).not.toMatchObject({ code: 'INTERNAL' })
        }
      }),
      { numRuns: 300 },
    )
  })

  const one = [{ id: 'i1' }]
  const text = { query: { text: 'x' } }
  it.each<[string, object, string, string]>([
    ['no positives', { query: { negative: one } }, 'INVALID_REQUEST', 'query.positive'],
    ['empty positives', { query: { positive: [] } }, 'INVALID_REQUEST', 'query.positive'],
    [
      'positives that are no list',
      { query: { positive: { id: 'i1' } } },
      'INVALID_REQUEST',
      'query.positive',
    ],
    [
      '101 examples',
      { query: { positive: Array.from({ length: 101 }, () => one[0]) } },
      'INVALID_REQUEST',
      'query',
    ],
    ['a text beside examples', { query: { positive: one, text: 'x' } }, 'INVALID_REQUEST', 'text'],
    ['an example that is none', { query: { positive: ['i1'] } }, 'INVALID_REQUEST', 'query.positive[0]'],
    [
      'an empty example',
      { query: { positive: one, negative: [{}] } },
      'INVALID_REQUEST',
      'query.negative[0]',
    ],
    [
      'an example of two',
      { query: { positive: [{ id: 'i1', text: 'a' }] } },
      'INVALID_REQUEST',
      'query.positive[0]',
    ],
    [
      'examples in examples',
      { query: { positive: [{ positive: one }] } },
      'INVALID_REQUEST',
      'query.positive[0].positive',
    ],
    ...[0, -1, Number.NaN, Number.POSITIVE_INFINITY, '2', null].map(
      (weight): [string, object, string, string] => [
        `a weight of ${weight}`,
        { query: { positive: one, negative: [{ id: 'i2', weight }] } },
        'INVALID_REQUEST',
        'query.negative[0].weight',
      ],
    ),
    [
      'an unknown space',
      { query: { positive: [{ id: 'i1', space: 'x' }] } },
      'SPACE_NOT_FOUND',
      'query.positive[0].space',
    ],
    [
      'a text where there is no encoder',
      { query: { positive: [{ text: 'x' }] } },
      'INVALID_REQUEST',
      'query.positive[0].text',
    ],
    [
      'an unknown item',
      { query: { positive: one, negative: [{ id: '?' }] } },
      'ITEM_NOT_FOUND',
      'query.negative[0].id',
    ],
    [
      'an item of another space',
      { query: { positive: [{ id: 'zero' }] } },
      'INVALID_REQUEST',
      'query.positive[0].id',
    ],
    ['a bad id', { query: { positive: [{ id: '' }] } }, 'INVALID_ID', 'query.positive[0]'],
    [
      'a wrong dimension',
      { query: { positive: [{ vector: [1] }] } },
      'DIMENSION_MISMATCH',
      'query.positive[0].vector',
    ],
    [
      'a zero vector',
      { query: { positive: [{ vector: [0, 0, 0, 0, 0, 0] }] } },
      'ZERO_VECTOR',
      'query.positive[0].vector',
    ],
    [
      'a zero vector of another metric',
      { query: { positive: [{ vector: [0, 0, 0, 0, 0, 0] }] }, metric: 'dot' },
      'ZERO_VECTOR',
      'query.positive[0]',
    ],
    [
      'examples that cancel out',
      { query: { positive: one, negative: one } },
      'INVALID_REQUEST',
      'query.negative',
    ],
    [
      'a space with negatives only',
      { query: { positive: one, negative: [{ id: 'i2', space: 'other' }] } },
      'INVALID_REQUEST',
      'query.negative[0]',
    ],
    ['examples in hybrid mode', { query: { positive: one }, mode: 'hybrid' }, 'INVALID_REQUEST', 'mode'],
    ['examples with alpha', { query: { positive: one }, alpha: 0.5 }, 'INVALID_REQUEST', 'alpha'],
    ['examples and a bad k', { query: { positive: one }, k: 0 }, 'INVALID_REQUEST', 'k'],
    ['a minScore of NaN', { minScore: Number.NaN }, 'INVALID_REQUEST', 'minScore'],
    ['a maxDistance in words', { maxDistance: 'near' }, 'INVALID_REQUEST', 'maxDistance'],
    ['an offset of -1', { offset: -1 }, 'INVALID_REQUEST', 'offset'],
    ['an offset beyond the bound', { offset: 9_995, k: 10 }, 'INVALID_REQUEST', 'offset'],
    ['ef with an offset', { offset: 0, ef: 50 }, 'INVALID_REQUEST', 'ef'],
    [
      'targetRecall with maxDistance',
      { maxDistance: 1, targetRecall: 0.9 },
      'INVALID_REQUEST',
      'targetRecall',
    ],
    ['a cursor of nothing', { cursor: '' }, 'INVALID_REQUEST', 'cursor'],
    ['a number as cursor', { cursor: 3 }, 'INVALID_REQUEST', 'cursor'],
    ['a cursor beside an offset', { cursor: 'x', offset: 3 }, 'INVALID_REQUEST', 'cursor'],
    ['a group by what is no field', { groupBy: '$id' }, 'INVALID_FILTER', 'groupBy'],
    ['a list as groupBy', { groupBy: ['kind'] }, 'INVALID_FILTER', 'groupBy'],
    ['a groupSize alone', { groupSize: 2 }, 'INVALID_REQUEST', 'groupSize'],
    ['a groupSize of 0', { groupBy: 'i', groupSize: 0 }, 'INVALID_REQUEST', 'groupSize'],
    ['groups too large', { groupBy: 'i', groupSize: 100, k: 101 }, 'INVALID_REQUEST', 'groupSize'],
    ['diversity of 2', { diversity: 2 }, 'INVALID_REQUEST', 'diversity'],
    ['diversity of NaN', { diversity: Number.NaN }, 'INVALID_REQUEST', 'diversity'],
    ['diversity with pages', { diversity: 0.5, offset: 0 }, 'INVALID_REQUEST', 'diversity'],
    ['diversity with groups', { diversity: 0.5, groupBy: 'i' }, 'INVALID_REQUEST', 'diversity'],
    ['diversity of many', { diversity: 0.5, k: 101 }, 'INVALID_REQUEST', 'k'],
    [
      'diversity of words',
      { ...text, space: undefined, exact: undefined, mode: 'keyword', diversity: 0.5 },
      'INVALID_REQUEST',
      'diversity',
    ],
    [
      'maxDistance of words',
      { ...text, space: undefined, exact: undefined, mode: 'keyword', maxDistance: 0.5 },
      'INVALID_REQUEST',
      'maxDistance',
    ],
    [
      'diversity over two spaces',
      { query: { positive: [...one, { id: 'i2', space: 'other' }] }, diversity: 0.5 },
      'INVALID_REQUEST',
      'diversity',
    ],
    [
      'maxDistance over two spaces',
      { query: { positive: [...one, { id: 'i2', space: 'other' }] }, maxDistance: 0.5 },
      'INVALID_REQUEST',
      'maxDistance',
    ],
  ])('refuses %s', async (_what, request, code, field) => {
    await expect(search(request)).rejects.toMatchObject({ code, details: { field } })
  })
})
