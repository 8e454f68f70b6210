import { afterEach, describe, expect, it, vi } from 'vitest'
import { METRICS } from '#src/core/metrics.js'
import { seededRandom } from '#src/core/random.js'
import { type PoolScan, ScanPool } from '#src/indexes/scan-pool.js'
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

  it('divides large scans among idle threads, and answers as scanItems does', async () => {
    const scans = pool({ threads: 3 })
    const table = grow(new VectorTable(dim), 9_000)
    for (let row = 0; row < table.rows; row += 7) table.kill(table.labelAt(row))
    const rows = Uint32Array.from({ length: 5_000 }, (_, i) => i + 1_000 + Math.floor(i / 2))
    const near = table.vector(4_001)
    const asked: PoolScan[] = METRICS.flatMap((metric) => [
      { vectors: [draw()], metric, k: 10 },
      { vectors: [draw(), near], metric, k: 40, from: 100, to: 8_000, excludeItems: new Set([2_000, 2_003]) },
      { vectors: [near], metric, k: 10, rows },
    ])
    for (const scan of asked) expect(await scans.scan(table, scan)).toEqual(scanItems(table, scan))
    const cancelled = new AbortController()
    const scan: PoolScan = { vectors: Array.from({ length: 30 }, draw), metric: 'dot', k: 3 }
    const running = scans.scan(table, scan, { signal: cancelled.signal })
    cancelled.abort()
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await scans.scan(table, asked[0] as PoolScan)).toHaveLength(10)
  })

  it('starts its threads for scans that may run anywhere after a few of them, and takes them while idle', async () => {
    const scans = pool({ threads: 2 })
    const table = grow(new VectorTable(dim), 3_000)
    expect([1, 2, 3].map(() => scans.isReady(table))).toEqual([false, false, false])
    await vi.waitFor(() => expect(scans.isReady(table)).toBe(true), 10_000)
    const running = scans.scan(table, { vectors: [draw()], metric: 'cosine', k: 3 })
    expect(scans.isReady(table)).toBe(false)
    await running
    expect(scans.isReady(table)).toBe(true)
    const single = pool({ threads: 1 })
    expect([1, 2, 3, 4].map(() => single.isReady(table))).toEqual([false, false, false, false])
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
    const first = scans.scan(table, slow, { signal: running.signal })
    const second = scans.scan(table, slow, { signal: waiting.signal })
    const third = scans.scan(table, { ...slow, k: 2 })
    waiting.abort()
    await expect(second).rejects.toMatchObject({ code: 'CANCELLED' })
    running.abort()
    await expect(first).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await third).toEqual(scanItems(table, { ...slow, k: 2 }))
    await expect(scans.scan(table, slow, { signal: running.signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
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
