import { EngineError } from '../../core/errors.js'

/** The item's key that a cursor stands for; 0 for none. @throws EngineError INVALID_REQUEST */
export function parseCursor(cursor: string | undefined): number {
  const after = cursor === undefined ? 0 : Number(cursor)
  if (Number.isSafeInteger(after) && after >= 0) return after
  throw new EngineError(
    'INVALID_REQUEST',
    `cursor ${JSON.stringify(cursor)} is not one that a listing gave; leave it out to begin anew`,
  )
}
