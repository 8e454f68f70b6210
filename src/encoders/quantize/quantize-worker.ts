import { parentPort, workerData } from 'node:worker_threads'
import { EngineError, type PlainError, toPlainError } from '../../core/errors.js'
import { type QuantizeReport, type QuantizeRequest, runQuantize } from './quantize-run.js'

export interface QuantizeWorkerData {
  request: QuantizeRequest
  /** One Int32: not 0 when the work is to end. */
  cancelled: SharedArrayBuffer
}

export type QuantizeMessage =
  | { type: 'progress'; done: number; total: number; message: string }
  | { type: 'done'; report: QuantizeReport }
  | { type: 'failed'; error: PlainError }

const { request, cancelled } = workerData as QuantizeWorkerData
const flag = new Int32Array(cancelled)
const post = (message: QuantizeMessage): void => parentPort?.postMessage(message)

runQuantize(request, {
  onProgress: (done, total, message) => post({ type: 'progress', done, total, message }),
  check: () => {
    if (Atomics.load(flag, 0) !== 0) throw new EngineError('CANCELLED', 'quantizing was cancelled')
  },
}).then(
  (report) => post({ type: 'done', report }),
  (error: unknown) => post({ type: 'failed', error: toPlainError(error) }),
)
