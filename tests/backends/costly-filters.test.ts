import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EmbeddedBackend } from '#src/backends/embedded/embedded-backend.js'
import { filterPatience } from '#src/backends/embedded/filter-patience.js'
import type { ItemWrite } from '#src/core/backend.js'
import type { Json } from '#src/core/types.js'
import { parseKeywords } from '#src/query/parse-keywords.js'
import { parseWhere } from '#src/query/parse-where.js'
import { RecordingJobs } from '../support/backend-items.js'
import { temporaryFolder } from '../support/test-home.js'

const ITEMS = 300
/** What takes a while of each item, and holds of every third. */
const COSTLY_WHERE = {
  third: 0,
  $or: [
    ...Array.from({ length: 40 }, (_, i) => ({ list: { $contains: -i - 1 } })),
    { list: { $contains: 0 } },
  ],
}
const COSTLY = parseWhere(COSTLY_WHERE)

describe('a costly filter', () => {
  let home: ReturnType<typeof temporaryFolder>
  let backend: EmbeddedBackend

  beforeAll(async () => {
    home = temporaryFolder()
    backend = await EmbeddedBackend.open({ home: home.path, jobs: new RecordingJobs() })
    await backend.createCollection({ name: 'notes', spaces: [] })
    const list = Array.from({ length: 1_000 }, (_, i) => i)
    await backend.upsert(
      'notes',
      Array.from({ length: ITEMS }, (_, i) => item(`i${i}`, { third: i % 3, list })),
    )
  })
  afterAll(async () => {
    await backend.close()
    home.remove()
  })

  /** Calls both at the same time. @returns what they resolve to in the order in which they do */
  const order = async (first: () => Promise<unknown>, second: () => Promise<unknown>): Promise<unknown[]> => {
    const resolved: unknown[] = []
    await Promise.all([first, second].map(async (call) => resolved.push(await call())))
    return resolved
  }
  const keyword = async (where?: typeof COSTLY): Promise<number> => {
    const { query } = parseKeywords('tea')
    if (!query) throw new Error('there is a word')
    return (await backend.keyword('notes', { query, k: 1_000, where })).length
  }

  it('of a keyword search keeps no other keyword search waiting', async () => {
    expect(
      await order(
        () => keyword(COSTLY),
        () => keyword(),
      ),
    ).toEqual([ITEMS, ITEMS / 3])
  })

  it('keeps no filter waiting that is cheap', async () => {
    const costly = parseWhere({ $and: [COSTLY_WHERE, { third: { $gte: 0 } }] })
    expect(
      await order(
        () => backend.count('notes', costly),
        () => backend.count('notes', parseWhere({ $id: 'i7' })),
      ),
    ).toEqual([1, ITEMS / 3])
  })

  it('that was looked up before is listed without reading what it does not mean', async () => {
    expect(await backend.count('notes', COSTLY)).toBe(ITEMS / 3)
    const listed = async (): Promise<string[]> => {
      const { items } = await backend.list('notes', { limit: 3, cursor: '4', fields: {}, where: COSTLY })
      return items.map(({ id }) => id)
    }
    const other = parseWhere({ $and: [COSTLY_WHERE, { third: { $lt: 3 } }] })
    expect(await order(() => backend.count('notes', other), listed)).toEqual([['i6', 'i9', 'i12'], ITEMS / 3])
  })

  it('holds of the same items in a collection that nobody has opened', async () => {
    await backend.close()
    backend = await EmbeddedBackend.open({ home: home.path, jobs: new RecordingJobs() })
    expect(await keyword(COSTLY)).toBe(ITEMS / 3)
    expect(await backend.count('notes', COSTLY)).toBe(ITEMS / 3)
  })

  it('of a deletion keeps no write waiting; what it writes is seen by the deletion', async () => {
    const removed = (): Promise<number> => backend.removeWhere('notes', COSTLY)
    const written = async (): Promise<string> => {
      await backend.upsert('notes', [item('i0', { third: 1 }), item('new', { third: 0, list: [0] })])
      return 'written'
    }
    expect(await order(removed, written)).toEqual(['written', ITEMS / 3])
    const left = await backend.get('notes', ['i0', 'i1', 'i3', 'new'], {})
    expect([...left.keys()]).toEqual(['i0', 'i1'])
    expect(await backend.count('notes')).toBe((ITEMS * 2) / 3 + 1)
  })
})

describe('what takes too long', () => {
  it('is refused with what to do: a filter, or the counting of values where there is none', () => {
    for (const [tried, code, remedy] of [
      ['where', 'INVALID_FILTER', 'use fewer conditions'],
      ['fields', 'INVALID_REQUEST', 'ask fewer fields'],
    ] as const) {
      const message = expect.stringContaining(remedy)
      expect(filterPatience(tried, 0)).toThrow(
        expect.objectContaining({ code, message, details: { field: tried } }),
      )
      expect(filterPatience(tried)).not.toThrow()
    }
  })
})

function item(id: string, metadata: Record<string, Json>): ItemWrite {
  const text = 'green tea'
  return {
    id,
    text,
    metadata,
    image: null,
    fingerprint: `${id} ${JSON.stringify(metadata)}`,
    textHash: text,
    vectors: {},
  }
}
