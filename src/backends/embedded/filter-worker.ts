import { setImmediate as nextTurn } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { EngineError, toPlainError } from '../../core/errors.js'
import { FilterAnswers, type Pause } from './filter-answers.js'
import type { FilterReply, FilterRequest } from './filter-messages.js'
import { sqliteError } from './sqlite.js'

/** After how long a question is given up. */
const PATIENCE_MS = 20_000

const port = parentPort
if (!port) throw new Error('filter-worker runs as a worker thread')

const path = workerData as string
let answers: FilterAnswers | undefined
/** Requests that are being answered, and whether anybody still waits. */
const running = new Map<number, boolean>()

port.on('message', ({ id, request }: { id: number; request: FilterRequest }) => {
  if (request.op === 'cancel') {
    if (running.has(request.request)) running.set(request.request, false)
    return
  }
  running.set(id, true)
  // begins at once: what was written to is taken over in the order in which it came, whatever takes how long
  begin(request, pauseOf(id))
    .then((result) => reply({ id, result }))
    .catch((error: unknown) => reply({ id, error: toPlainError(sqliteError(error, path)) }))
})

async function begin(request: FilterRequest, pause: Pause): Promise<unknown> {
  answers ??= new FilterAnswers(path)
  return answers.answer(request, pause)
}

function pauseOf(id: number): Pause {
  const began = performance.now()
  return async () => {
    await nextTurn()
    if (!running.get(id)) throw new EngineError('CANCELLED', 'the search was cancelled')
    if (performance.now() - began < PATIENCE_MS) return
    throw new EngineError(
      'INVALID_FILTER',
      `where takes more than ${PATIENCE_MS / 1000} s over this collection; use fewer conditions, or index their fields`,
      { details: { field: 'where' } },
    )
  }
}

function reply(answer: FilterReply): void {
  running.delete(answer.id)
  port?.postMessage(answer)
}
