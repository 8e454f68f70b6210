import type { CollectionRecord } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import type { SearchAnswer } from '../core/types.js'
import type { EngineContext } from './engine-context.js'
import { invalid, isPlainObject, show } from './requests.js'
import { answerWhole, type CheckedWhole, checkWhole } from './shaped-search.js'

/** How many run side by side: enough to encode texts together, few enough to leave room for others. */
const SIDE_BY_SIDE = 16

/**
 * Answers several searches: all are checked before the first runs, and one that is refused, or fails, refuses all.
 *
 * @throws EngineError with `details.index`, and the field as `searches[3].k`
 */
export async function searchMany(
  context: EngineContext,
  record: CollectionRecord,
  requests: unknown,
  { signal, began }: { signal?: AbortSignal; began: number },
): Promise<SearchAnswer[]> {
  if (!Array.isArray(requests)) {
    throw invalid('searches', `searches must be an array of search requests, got ${show(requests)}`)
  }
  if (requests.length > LIMITS.searches) {
    const message = `searches has at most ${LIMITS.searches} requests, got ${requests.length}; send several batches`
    throw invalid('searches', message)
  }
  const checked: CheckedWhole[] = []
  for (const [index, request] of requests.entries()) {
    checked.push(await naming(index, async () => checkWhole(request, record)))
  }
  checkTotal(requests)
  const failed = new AbortController()
  const stop = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal
  const answers: SearchAnswer[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (let index = next++; index < checked.length && !failed.signal.aborted; index = next++) {
      const search = checked[index]
      if (!search) return
      const call = { signal: stop, began: index < SIDE_BY_SIDE ? began : performance.now() }
      answers[index] = await naming(index, () => answerWhole(context, record, search, call))
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(SIDE_BY_SIDE, checked.length) }, work))
  } catch (error) {
    failed.abort()
    throw error
  }
  return answers
}

/** Together they answer, and read, no more than one search may. */
function checkTotal(requests: readonly unknown[]): void {
  let total = 0
  for (const request of requests) {
    const { k = 10, offset = 0 } = isPlainObject(request) ? request : {}
    total += Number(k) + Number(offset)
  }
  if (total <= LIMITS.k) return
  throw invalid('searches', `k and offset of all searches must be at most ${LIMITS.k} together, got ${total}`)
}

async function naming<T>(index: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    const place = `searches[${index}]`
    const { field } = error.details ?? {}
    const details = { ...error.details, index, field: field === undefined ? place : `${place}.${field}` }
    throw new EngineError(error.code, `${place}: ${error.message}`, { cause: error, details })
  }
}
