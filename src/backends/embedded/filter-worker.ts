import { setImmediate as nextTurn } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { Reply } from '../../core/call-thread.js'
import { EngineError, toPlainError } from '../../core/errors.js'
import { FilterAnswers, type Pause } from './filter-answers.js'
import type { FilterRequest, ToFilters } from './filter-messages.js'
import { filterPatience } from './filter-patience.js'
import { sqliteError } from './sqlite.js'

const port = parentPort
if (!port) throw new Error('filter-worker runs as a worker thread')

const path = workerData as string
let answers: FilterAnswers | undefined
/** Requests that are being answered, and whether anybody still waits. */
const running = new Map<number, boolean>()

port.on('message', (message: ToFilters) => {
  if ('cancel' in message) {
    if (running.has(message.cancel)) running.set(message.cancel, false)
    return
  }
  const { id, request } = message
  running.set(id, true)
  // begins at once: what was written to is taken over in the order in which it came, whatever takes how long
  begin(request, pauseOf(id, request))
    .then((result) => reply({ id, answer: result }))
    .catch((error: unknown) => reply({ id, error: toPlainError(sqliteError(error, path)) }))
})

async function begin(request: FilterRequest, pause: Pause): Promise<unknown> {
  answers ??= new FilterAnswers(path)
  return answers.answer(request, pause)
}

function pauseOf(id: number, request: FilterRequest): Pause {
  const bear = filterPatience(request.op === 'facets' && !request.question ? 'fields' : 'where')
  return async () => {
    await nextTurn()
    if (!running.get(id)) throw new EngineError('CANCELLED', 'the search was cancelled')
    bear()
  }
}

function reply(message: Reply): void {
  running.delete(message.id)
  port?.postMessage(message)
}
