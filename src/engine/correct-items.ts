import type { Correction } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import { checkId } from '../core/names.js'
import type { EngineContext } from './engine-context.js'
import { invalid, show } from './requests.js'

/** Items corrected in one call. */
const MOST = 1_000

/**
 * Keeps what a person says of items.
 *
 * @returns how many
 * @throws EngineError INVALID_REQUEST, INVALID_ID, ITEM_NOT_FOUND, before anything is kept
 */
export async function correctItems(
  { backend }: EngineContext,
  collection: string,
  input: unknown,
  verdict: Correction['verdict'] | null,
): Promise<number> {
  const asked: unknown = typeof input === 'string' ? [input] : input
  if (!Array.isArray(asked)) throw invalid('ids', `ids must be an array of ids, got ${show(asked)}`)
  if (asked.length > MOST) {
    throw invalid('ids', `at most ${MOST} items are corrected at once, got ${asked.length}`)
  }
  if (verdict !== 'fine' && verdict !== 'strange' && verdict !== null) {
    throw invalid('verdict', `verdict must be "fine", "strange" or null (nothing), got ${show(verdict)}`)
  }
  const ids = [...new Set((asked as readonly unknown[]).map(checkId))]
  const known = await backend.get(collection, ids, {})
  const missing = ids.find((id) => !known.has(id))
  if (missing !== undefined) {
    throw new EngineError('ITEM_NOT_FOUND', `there is no item ${JSON.stringify(missing)} in "${collection}"`)
  }
  return (
    await backend.correct(
      collection,
      ids.map((id) => ({ id, verdict })),
    )
  ).length
}
