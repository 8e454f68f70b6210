import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ItemFields, JudgedItem, StoredItem, UnjudgedItem } from '#src/core/backend.js'
import { seededRandom } from '#src/core/random.js'
import { type OpenedEngine, openOverMemory } from '../support/engines.js'
import { MemoryBackend } from '../support/memory-backend.js'

const COUNT = 21_000
const DIM = 3

/** Counts what is read and written while detectors are fitted. */
class CountingBackend extends MemoryBackend {
  /** Items read with their vectors, and the most of one call. */
  read = 0
  mostRead = 0
  judged = 0
  mostJudged = 0

  override get(
    collection: string,
    ids: readonly string[],
    fields: ItemFields,
  ): Promise<Map<string, StoredItem>> {
    if (fields.vectors) {
      this.read += ids.length
      this.mostRead = Math.max(this.mostRead, ids.length)
    }
    return super.get(collection, ids, fields)
  }

  override async unjudged(...asked: Parameters<MemoryBackend['unjudged']>): Promise<UnjudgedItem[]> {
    const items = await super.unjudged(...asked)
    this.mostRead = Math.max(this.mostRead, items.length)
    return items
  }

  override judge(
    collection: string,
    space: string,
    version: number,
    rows: readonly JudgedItem[],
  ): Promise<void> {
    this.judged += rows.length
    this.mostJudged = Math.max(this.mostJudged, rows.length)
    return super.judge(collection, space, version, rows)
  }
}

describe('detectors of a large collection', () => {
  const backend = new CountingBackend(7)
  let engine: OpenedEngine

  beforeAll(async () => {
    engine = await openOverMemory(backend)
  })
  afterAll(() => engine.cleanup())

  it('are fitted to 20,000 items at most, and judge all, some at a time', async () => {
    const random = seededRandom(1)
    const large = await engine.kindred.collection('large', { spaces: [{ name: 'v', dim: DIM }] })
    for (let from = 0; from < COUNT; from += 7_000) {
      await large.add(
        Array.from({ length: 7_000 }, (_, i) => ({
          id: `item ${from + i}`,
          vectors: { v: Array.from({ length: DIM }, () => 5 + random.normal()) },
        })),
      )
    }
    const { report, scored, detection } = await (await large.detect()).finished
    expect({ items: report.items, scored }).toEqual({ items: 20_000, scored: COUNT })
    expect(backend.read).toBe(20_000)
    expect(backend.judged).toBe(COUNT)
    expect(backend.mostRead).toBeLessThanOrEqual(250)
    expect(backend.mostJudged).toBeLessThanOrEqual(250)
    // what is kept does not grow with the collection either, but for the ids of a tenth of those that were fitted
    const files = await backend.detectionFiles('large', 'v', detection)
    const bytes = Object.values(files).reduce((sum, file) => sum + file.length, 0)
    expect(bytes).toBeLessThan(4 * DIM * COUNT + (1 << 22))
  })
})
