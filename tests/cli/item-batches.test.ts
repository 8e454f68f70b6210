import { describe, expect, it } from 'vitest'
import { itemBatches, readAhead } from '#src/cli/item-batches.js'
import type { ReadRecord } from '#src/datasets/read-record.js'

async function* from<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}

const item = (id: string, length: number): ReadRecord => ({
  item: { id, text: 'x'.repeat(length) },
  source: id,
})
const skipped = (source: string): ReadRecord => ({
  skipped: { source, reason: 'gone', code: 'FILE_UNREADABLE' },
})

describe('itemBatches', () => {
  it('bounds a batch by items and by weight, and keeps the order', async () => {
    const records = [item('a', 1), item('b', 1), item('c', 1), item('d', 90), item('e', 20), item('f', 500)]
    const batches = await collect(itemBatches(from(records), { items: 3, weight: 100 }))
    expect(batches.map(({ items }) => items.map(({ id }) => id).join(''))).toEqual(['abc', 'd', 'e', 'f'])
  })

  it('tells what was skipped with the batch around it, or alone', async () => {
    const [batch, ...others] = await collect(itemBatches(from([item('a', 1), skipped('b'), item('c', 1)])))
    expect(others).toEqual([])
    expect(batch).toMatchObject({ sources: ['a', 'c'], skipped: [{ source: 'b' }] })
    const alone = await collect(itemBatches(from([skipped('b')])))
    expect(alone).toMatchObject([{ items: [], skipped: [{ source: 'b' }] }])
    expect(await collect(itemBatches(from([])))).toEqual([])
  })

  it('makes pictures base64 and vectors plain arrays', async () => {
    const record: ReadRecord = {
      item: { id: 'a', image: new Uint8Array([1, 2, 3]), vectors: { mine: new Float32Array([0.5, 1]) } },
      source: 'a',
    }
    const [batch] = await collect(itemBatches(from([record])))
    expect(batch?.items).toEqual([{ id: 'a', image: 'AQID', vectors: { mine: [0.5, 1] } }])
  })
})

describe('readAhead', () => {
  it('is one value ahead and never more', async () => {
    let asked = 0
    async function* counting(): AsyncGenerator<number> {
      for (let i = 0; i < 4; i++) {
        asked = i + 1
        yield i
      }
    }
    const seen: [number, number][] = []
    for await (const value of readAhead(counting())) seen.push([value, asked])
    expect(seen).toEqual([
      [0, 2],
      [1, 3],
      [2, 4],
      [3, 4],
    ])
  })

  it('passes a failure on after the values before it', async () => {
    async function* failing(): AsyncGenerator<number> {
      yield 1
      throw new Error('broken')
    }
    const seen: number[] = []
    const reading = (async () => {
      for await (const value of readAhead(failing())) seen.push(value)
    })()
    await expect(reading).rejects.toThrow('broken')
    expect(seen).toEqual([1])
  })
})
