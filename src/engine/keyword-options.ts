import type { CollectionRecord } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import { invalid, isPlainObject, show } from './requests.js'

/** A name of a path: what metadata may have for a key. */
const NAME = /^[^$][^.]*$/u

/**
 * The metadata paths that a new collection's keyword search shall read.
 *
 * @param options of the collection, checked for unknown fields elsewhere
 * @returns undefined where none are named
 * @throws EngineError INVALID_REQUEST naming the field
 */
export function planKeywords(options: unknown): string[] | undefined {
  const paths = isPlainObject(options) ? options.keywords : undefined
  if (paths === undefined) return undefined
  if (!Array.isArray(paths))
    throw invalid('keywords', `keywords must be an array of paths, got ${show(paths)}`)
  if (paths.length > LIMITS.keywordPaths) {
    throw invalid(
      'keywords',
      `keywords names ${paths.length} paths, at most ${LIMITS.keywordPaths} are taken`,
    )
  }
  const checked = paths.map((path: unknown, i) => checkPath(path, `keywords[${i}]`))
  const twice = checked.find((path, i) => checked.indexOf(path) !== i)
  if (twice !== undefined) throw invalid('keywords', `keywords names ${show(twice)} twice`)
  return checked
}

function checkPath(path: unknown, field: string): string {
  if (typeof path !== 'string') throw invalid(field, `${field} must be a string, got ${show(path)}`)
  const names = path.split('.')
  if (path.length <= LIMITS.nameLength && path.isWellFormed() && names.every((name) => NAME.test(name)))
    return path
  throw invalid(
    field,
    `${field} must be a metadata key, or several with dots between, of at most ${LIMITS.nameLength} characters, got ${show(path)}`,
  )
}

/** Refuses paths that an existing collection was not made with. @throws EngineError COLLECTION_EXISTS */
export function checkKeywordAgreement(record: CollectionRecord, paths: readonly string[]): void {
  const has = record.keywords ?? []
  if (has.length === paths.length && paths.every((path) => has.includes(path))) return
  throw new EngineError(
    'COLLECTION_EXISTS',
    `collection "${record.name}" exists with other keywords: ${has.join(', ') || 'none'}; leave the option out to open it`,
    { details: { field: 'keywords' } },
  )
}
