import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { FilterCache } from '#src/backends/embedded/filter-cache.js'
import type { FilterRequest, Resolved } from '#src/backends/embedded/filter-messages.js'
import type { FilterThread } from '#src/backends/embedded/filter-thread.js'
import { ItemSlots } from '#src/backends/embedded/item-slots.js'
import { EngineError } from '#src/core/errors.js'
import { parseWhere } from '#src/query/parse-where.js'

const question = (where: unknown) => ({ filter: parseWhere(where), encoderKeys: {}, detectionKeys: {} })

describe('what filters mean is kept', () => {
  let asked: FilterRequest[]
  let answer: () => Promise<Resolved>
  let slots: ItemSlots
  let cache: FilterCache

  beforeEach(() => {
    asked = []
    answer = async () => ({ bits: new SharedArrayBuffer(4), count: 1, how: 'metadata' })
    slots = new ItemSlots()
    slots.put('a', 7)
    slots.put('b', 8)
    const thread = {
      generation: 1,
      ask: (request: FilterRequest) => {
        asked.push(request)
        return answer()
      },
      tell: () => undefined,
    } as unknown as FilterThread
    cache = new FilterCache({ collection: 3, slots, thread, indexed: ['year'] })
  })

  it('until something is written; then only that is asked about', async () => {
    expect((await cache.find(question({ a: 1 }))).resolved).toBe('metadata')
    expect((await cache.find(question({ a: 1 }))).resolved).toBe('kept')
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatchObject({ changes: { keys: Float64Array.of(7, 8), size: 2, indexed: ['year'] } })
    slots.put('b', 8)
    slots.put('c', 9)
    await cache.find(question({ a: 1 }))
    expect(asked[1]).toMatchObject({
      base: { touched: Uint32Array.of(1, 2) },
      changes: { touched: { slots: Uint32Array.of(1, 2), keys: Float64Array.of(8, 9) } },
    })
    await cache.find(question({ a: 2 }))
    expect(asked[2]).not.toHaveProperty('base')
    expect(asked[2]).toMatchObject({ changes: { size: 3 } })
  })

  it('and tells where an answer is near, without asking', async () => {
    expect(cache.knows(question({ a: 1 }))).toBe(false)
    expect(cache.knows(question({ year: 1 }))).toBe(true)
    expect(cache.knows(question({ year: 1, a: 1 }))).toBe(false)
    expect(asked).toHaveLength(0)
    await cache.find(question({ a: 1 }))
    slots.put('c', 9)
    expect(cache.knows(question({ a: 1 }))).toBe(true)
    for (let i = 0; i < 6_000; i++) slots.put(`more ${i}`, 10 + i)
    expect(cache.knows(question({ a: 1 }))).toBe(false)
  })

  it('once, where several ask at the same time', async () => {
    await Promise.all([1, 2, 3].map(() => cache.find(question({ a: 1 }))))
    expect(asked).toHaveLength(1)
  })

  it('tells the thread everything again after a question failed', async () => {
    answer = () => Promise.reject(new EngineError('CANCELLED', 'no'))
    await expect(cache.find(question({ a: 1 }))).rejects.toMatchObject({ code: 'CANCELLED' })
    answer = async () => ({ bits: new SharedArrayBuffer(4), count: 0, how: 'metadata' })
    await cache.find(question({ a: 1 }))
    expect(asked[1]).toMatchObject({ changes: { keys: Float64Array.of(7, 8) } })
  })

  it('and a field that is slow often is named in a hint', async () => {
    const slow = answer
    answer = async () => {
      await sleep(30)
      return slow()
    }
    for (let i = 0; i < 3; i++) await cache.find(question({ 'author.name': `n${i}`, year: i }))
    const { hint } = await cache.find(question({ 'author.name': 'n1', year: 1 }))
    expect(hint).toMatch(/^the filter reads "author\.name", which is not indexed: 3 times it took \d+ ms/)
    expect((await cache.find(question({ year: 9 }))).hint).toBeUndefined()
    cache.indexed = ['year', 'author.name']
    expect((await cache.find(question({ 'author.name': 'n1', year: 1 }))).hint).toBeUndefined()
  })
})
