import { afterEach, describe, expect, it } from 'vitest'
import { METRICS } from '#src/core/metrics.js'
import { seededRandom } from '#src/core/random.js'
import { ScanPool } from '#src/indexes/scan-pool.js'
import { scanItems } from '#src/indexes/scan-table.js'
import { VectorTable } from '#src/indexes/vector-table.js'

const dim = 512
const random = seededRandom(31)
const draw = (): Float32Array => new Float32Array(dim).map(() => random.normal())
const pools: ScanPool[] = []

function pool(options?: { threads?: number; queue?: number }): ScanPool {
  const made = new ScanPool(options)
  pools.push(made)
  return made
}

function grow(table: VectorTable, rows: number): VectorTable {
  for (let i = 0; i < rows; i++) {
    const label = table.lastLabel + 1
    table.append(label, label >> 1, label & 1, draw())
  }
  return table
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((one) => one.close()))
})

describe('ScanPool', () => {
  it('answers as scanItems does, while tables grow, lose rows and are replaced', async () => {
    const scans = pool({ threads: 2 })
    let table = grow(new VectorTable(dim), 3000)
    const other = grow(new VectorTable(dim), 100)
    for (let round = 0; round < 6; round++) {
      const asked = METRICS.map((metric) => ({
        vectors: [draw(), draw()],
        metric,
        k: 7,
        from: 10 * round,
        excludeItems: new Set([round, round + 40]),
      }))
      const answers = await Promise.all(asked.map((scan) => scans.scan(table, scan)))
      expect(answers).toEqual(asked.map((scan) => scanItems(table, scan)))
      const one = { vectors: [draw()], metric: 'cosine' as const, k: 3 }
      expect(await scans.scan(other, one)).toEqual(scanItems(other, one))
      grow(table, 1500)
      for (const [hit] of answers) if (hit) table.kill(hit.label)
      if (round === 3) {
        const compacted = await table.compacted()
        scans.release(table)
        table = compacted
      }
    }
  })

  it('refuses more than may wait', async () => {
    const scans = pool({ queue: 2 })
    const table = grow(new VectorTable(dim), 2000)
    const scan = { vectors: [draw()], metric: 'cosine' as const, k: 3 }
    const accepted = [1, 2, 3].map(() => scans.scan(table, scan))
    await expect(scans.scan(table, scan)).rejects.toMatchObject({ code: 'BUSY' })
    expect(await Promise.all(accepted)).toHaveLength(3)
    expect(await scans.scan(table, scan)).toHaveLength(3)
  })

  it('drops what is cancelled, running or waiting, and goes on', async () => {
    const scans = pool()
    const table = grow(new VectorTable(dim), 6000)
    const slow = { vectors: Array.from({ length: 30 }, draw), metric: 'cosine' as const, k: 3 }
    const [running, waiting] = [new AbortController(), new AbortController()]
    const first = scans.scan(table, slow, running.signal)
    const second = scans.scan(table, slow, waiting.signal)
    const third = scans.scan(table, { ...slow, k: 2 })
    waiting.abort()
    await expect(second).rejects.toMatchObject({ code: 'CANCELLED' })
    running.abort()
    await expect(first).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await third).toEqual(scanItems(table, { ...slow, k: 2 }))
    await expect(scans.scan(table, slow, running.signal)).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  it('refuses bad scans before they wait', async () => {
    const scans = pool()
    const table = grow(new VectorTable(dim), 10)
    const scan = { vectors: [draw()], metric: 'cosine' as const, k: 3 }
    await expect(scans.scan(table, { ...scan, k: 0 })).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
    await expect(scans.scan(table, { ...scan, vectors: [new Float32Array(3)] })).rejects.toMatchObject({
      code: 'DIMENSION_MISMATCH',
    })
    await expect(scans.scan(table, { ...scan, vectors: [new Float32Array(dim)] })).rejects.toMatchObject({
      code: 'ZERO_VECTOR',
    })
  })

  it('refuses everything once it is closed, twice if need be', async () => {
    const scans = pool()
    const table = grow(new VectorTable(dim), 6000)
    const scan = { vectors: [draw()], metric: 'cosine' as const, k: 3 }
    const outcomes = Promise.allSettled([scans.scan(table, scan), scans.scan(table, scan)])
    await scans.close()
    await scans.close()
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'CLOSED' } })
    await expect(scans.scan(table, scan)).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
