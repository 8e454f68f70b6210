import { rm, stat } from 'node:fs/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { EngineError, toPlainError } from '../core/errors.js'
import { auditIndex } from './audit-index.js'
import type { BuildMessage, BuildRequest, BuiltIndex } from './build-messages.js'
import { fileChecksum } from './file-checksum.js'
import { HnswIndex } from './hnsw-index.js'
import { measureRecall } from './measure-recall.js'
import { VectorTable } from './vector-table.js'

const PROGRESS_MS = 100

const request = workerData as BuildRequest
const cancelled = new Int32Array(request.cancelled)

build()
  .then((built) => send({ built }))
  .catch((error: unknown) => send({ error: toPlainError(error) }))

async function build(): Promise<BuiltIndex> {
  const table = VectorTable.from(request.table)
  const rows = liveRows(table)
  const index = request.base === undefined ? create(table, rows) : await extend(request.base)
  for (const label of request.drop) index.remove(label)
  let reported = performance.now()
  send({ done: 0, total: rows.length })
  for (let i = 0; i < rows.length; i++) {
    checkCancelled()
    const row = rows[i] as number
    index.add(table.labelAt(row), table.vector(row))
    const now = performance.now()
    if (now - reported < PROGRESS_MS) continue
    reported = now
    send({ done: i + 1, total: rows.length })
  }
  send({ done: rows.length, total: rows.length })
  const lost = request.audit ? audit(index, table) : []
  for (const label of lost) index.setApart(label)
  const curve = request.measure ? measureRecall(index, table, { onQuery: checkCancelled }) : []
  await index.save(request.path, { arrange: true })
  try {
    checkCancelled()
    const sha256 = await fileChecksum(request.path)
    const { size } = await stat(request.path)
    const { count, deadCount, apartCount, lastLabel } = index
    return { count, dead: deadCount, apart: apartCount, bytes: size, sha256, lastLabel, curve }
  } catch (error) {
    await rm(request.path, { force: true })
    throw error
  }
}

function create(table: VectorTable, rows: readonly number[]): HnswIndex {
  const { metric, unit, m, efConstruction, seed } = request
  return HnswIndex.create({ metric, dim: table.dim, unit, capacity: rows.length, m, efConstruction, seed })
}

function extend(path: string): Promise<HnswIndex> {
  const { metric, unit, table } = request
  return HnswIndex.load(path, { metric, unit, dim: table.dim })
}

function audit(index: HnswIndex, table: VectorTable): number[] {
  const vectorOf = (label: number): Float32Array | undefined => {
    const row = table.rowOf(label)
    return row < 0 ? undefined : table.vector(row)
  }
  return auditIndex(index, vectorOf, { onVector: checkCancelled })
}

function liveRows(table: VectorTable): number[] {
  const rows: number[] = []
  const { from, to } = request
  for (let row = from; row < Math.min(to, table.rows); row++) if (table.isLive(row)) rows.push(row)
  // the order that HnswIndex asks for
  if (request.metric === 'dot' && !request.unit) rows.sort((a, b) => table.normAt(b) - table.normAt(a))
  return rows
}

function checkCancelled(): void {
  if (Atomics.load(cancelled, 0) !== 0)
    throw new EngineError('CANCELLED', `building ${request.path} was cancelled`)
}

function send(message: BuildMessage): void {
  parentPort?.postMessage(message)
}
