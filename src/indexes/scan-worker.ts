import { parentPort, workerData } from 'node:worker_threads'
import type { Reply } from '../core/call-thread.js'
import { toPlainError } from '../core/errors.js'
import type { ScanMessage, ScanRequest, ScanWorkerData } from './scan-messages.js'
import { type ItemHit, scanItems } from './scan-table.js'
import { type SharedVectorTable, VectorTable } from './vector-table.js'

const stopped = new Int32Array((workerData as ScanWorkerData).stopped)
const chunks = new Map<number, SharedVectorTable['chunks']>()
const views = new Map<number, VectorTable>()

parentPort?.on('message', (message: ScanMessage) => {
  if ('forget' in message) {
    for (const table of message.forget) {
      chunks.delete(table)
      views.delete(table)
    }
    return
  }
  const { id } = message
  try {
    const hits = scanItems(view(message), { ...message, stopped: () => Atomics.load(stopped, 0) === id })
    reply({ id, answer: hits })
  } catch (error) {
    reply({ id, error: toPlainError(error) })
  }
})

function view({ table, state }: ScanRequest): VectorTable {
  const known = views.get(table)
  if (known && state.chunks.length === 0 && known.rows === state.rows) return known
  const all = [...(chunks.get(table) ?? []), ...state.chunks]
  const fresh = VectorTable.from({ ...state, chunks: all })
  chunks.set(table, all)
  views.set(table, fresh)
  return fresh
}

function reply(message: Reply<ItemHit[]>): void {
  parentPort?.postMessage(message)
}
