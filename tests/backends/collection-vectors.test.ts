import { afterAll, describe, expect, it } from 'vitest'
import type { EncoderKeys } from '#src/backends/embedded/collection-keys.js'
import { CollectionVectors } from '#src/backends/embedded/collection-vectors.js'
import { packIds, unpackIds } from '#src/backends/embedded/packed-ids.js'
import { SpaceVectors } from '#src/backends/embedded/space-vectors.js'
import { ScanPool } from '#src/indexes/scan-pool.js'
import { VectorTable } from '#src/indexes/vector-table.js'

const scans = new ScanPool()
afterAll(() => scans.close())

function spaceOf(encoderKey: number, rows: [label: number, item: number][]): SpaceVectors {
  const keys: EncoderKeys = {
    ...{ encoderKey, space: 'look', version: encoderKey, state: 'current', encoder: `e${encoderKey}` },
    ...{ encoderName: 'toy', dim: 2, metrics: ['cosine'], unit: false, settings: {}, detections: [] },
  }
  const table = new VectorTable(2)
  for (const [label, item] of rows) table.append(label, item, 0, Float32Array.of(label, 1))
  return new SpaceVectors({ keys, table, seq: 1, stamp: 'x', cacheDir: 'nowhere', epoch: 'e', scans })
}

const removal = (encoderKey: number, labels: number[]) => ({
  ...{ seq: 2, stamp: 'y', firstLabel: 100, encoderKeys: [encoderKey] },
  removed: [{ encoderKey, labels }],
})

describe('the vectors of a collection', () => {
  it('that were swapped out keep up with removals for as long as a search needs them', async () => {
    const former = spaceOf(1, [
      [1, 0],
      [2, 1],
      [3, 2],
    ])
    const vectors = await CollectionVectors.create(
      { ids: packIds(['a', 'b', 'c']), keys: Float64Array.of(1, 2, 3), seq: 0 },
      [former],
    )
    const held = vectors.hold(former)
    const alsoHeld = vectors.hold(former)
    expect(vectors.swap(spaceOf(2, [[10, 0]]))).toBe(former)
    expect(vectors.space('look')?.keys.encoderKey).toBe(2)
    held.release()
    vectors.applyRemove(['b'], removal(1, [2]))
    // the slot of an item that is gone goes to the next: a search over the former must not find it there
    expect(former.table.isLive(former.table.rowOf(2))).toBe(false)
    alsoHeld.release()
    vectors.applyRemove(['c'], removal(1, [3]))
    expect(former.table.isLive(former.table.rowOf(3))).toBe(true)
  })

  it('adopt a table whose items are named by another list of ids', async () => {
    const vectors = await CollectionVectors.create(
      { ids: packIds(['a', 'b', 'c']), keys: Float64Array.of(1, 2, 3), seq: 0 },
      [],
    )
    const next = spaceOf(2, [
      [10, 0],
      [11, 1],
      [12, 1],
    ])
    await vectors.adopt(next.table, packIds(['c', 'a']))
    expect([0, 1, 2].map((row) => vectors.slots.idOf(next.table.itemAt(row)))).toEqual(['c', 'a', 'a'])
  })
})

describe('packed ids', () => {
  it('come back as they were', async () => {
    const ids = Array.from({ length: 12_345 }, (_, i) =>
      i % 3 === 0 ? `日本語/${i}` : i % 5 === 0 ? '' : `i${i}`,
    )
    const back: string[] = []
    for await (const some of unpackIds(packIds(ids))) back.push(...some)
    expect(back).toEqual(ids)
    for await (const some of unpackIds(packIds([]))) expect(some).toEqual([])
  })
})
