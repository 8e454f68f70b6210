import { createHash } from 'node:crypto'
import type { CollectionRecord } from '../core/backend.js'
import { LIMITS } from '../core/limits.js'
import { invalid, show } from './requests.js'

/** What may differ from page to page. */
const FREE: ReadonlySet<string> = new Set(['k', 'offset', 'cursor', 'include', 'facets', 'calibrated'])

/**
 * Tells one query of a collection from every other: hashes the request but for what may differ from page to page, and
 * the collection's encoders, since another encoder makes another list.
 *
 * @param request checked
 */
export function requestHash(request: Record<string, unknown>, record: CollectionRecord): string {
  const asked = Object.entries(request).filter(([field]) => !FREE.has(field))
  const encoders = record.spaces.map(({ name, encoder, version }) => [name, encoder, version])
  const text = JSON.stringify(canonical([record.name, encoders, Object.fromEntries(asked)]))
  return createHash('sha256').update(text).digest('base64url').slice(0, 22)
}

/** The same for the same content: keys in order, numbers of typed arrays as of others. */
function canonical(value: unknown): unknown {
  if (value instanceof Uint8Array) return createHash('sha256').update(value).digest('base64url')
  if (ArrayBuffer.isView(value)) return Array.from(value as Float32Array)
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
  return entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, canonical(inner)])
}

/** @param start how many results, or groups, came before the page */
export function writeCursor(start: number, hash: string): string {
  return Buffer.from(`${start}.${hash}`).toString('base64url')
}

/**
 * @returns where its page begins
 * @throws EngineError INVALID_REQUEST for one that this query's answers did not give
 */
export function readCursor(cursor: unknown, hash: string): number {
  const text = typeof cursor === 'string' ? Buffer.from(cursor, 'base64url').toString('latin1') : ''
  const [, digits, of] = /^(\d{1,5})\.([\w-]{22})$/.exec(text) ?? []
  const start = Number(digits)
  if (of === undefined || !(start < LIMITS.k)) {
    throw invalid('cursor', `cursor must come from an answer, got ${show(cursor)}`)
  }
  if (of === hash) return start
  throw invalid(
    'cursor',
    'cursor is of another query, or the encoder of a space was replaced since; begin again without it',
  )
}
