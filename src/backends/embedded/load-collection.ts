import { Worker } from 'node:worker_threads'
import { EngineError, fromPlainError, type PlainError } from '../../core/errors.js'
import type { LoadedCollection, LoadRequest } from './load-messages.js'

/** Reads a collection's vectors into shared memory and checks its cached indexes, in a thread of its own. */
export function loadCollection(request: LoadRequest): Promise<LoadedCollection> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./load-worker.js', import.meta.url), {
      execArgv: [],
      workerData: request,
      name: 'kindred loader',
    })
    worker.once('message', (message: { loaded: LoadedCollection } | { error: PlainError }) => {
      if ('error' in message) reject(fromPlainError(message.error))
      else resolve(message.loaded)
    })
    worker.once('error', (error) => {
      reject(new EngineError('INTERNAL', `reading the vectors failed: ${error.message}`, { cause: error }))
    })
    worker.once('exit', () =>
      reject(new EngineError('INTERNAL', 'the loader thread ended without an answer')),
    )
  })
}
