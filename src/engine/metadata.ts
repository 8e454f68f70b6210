import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import { utf8Length } from '../core/names.js'
import type { Json, Metadata } from '../core/types.js'
import { isPlainObject, show } from './requests.js'

/**
 * Copies what a user gives as metadata.
 *
 * @returns a deep copy that shares nothing with `value`, and its canonical JSON (keys sorted)
 * @throws EngineError INVALID_METADATA naming the path of what is not JSON, of a key that starts with `$`, contains
 * `.` or is `__proto__`, or the bound that is passed
 */
export function checkMetadata(value: unknown): { metadata: Metadata; canonical: string } {
  if (!isPlainObject(value)) throw refusal('metadata', `must be a plain JSON object, got ${show(value)}`)
  const copy = copyObject(value, 'metadata', 1, { characters: 0 })
  const canonical = canonicalJson(copy)
  const bytes = canonical.length * 3 > LIMITS.metadataBytes ? utf8Length(canonical) : 0
  if (bytes > LIMITS.metadataBytes) throw tooLarge(bytes)
  return { metadata: copy, canonical }
}

/** JSON with sorted keys: equal values give equal strings. */
export function canonicalJson(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Json)}`)
  return `{${members.join(',')}}`
}

/** JSON merge patch (RFC 7396): null removes a key, objects are merged, all else replaces. Neither is changed. */
export function mergeMetadata(target: Metadata, patch: Metadata): Metadata {
  const merged = new Map<string, Json>(Object.entries(target))
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key)
    else if (!isPlainObject(value)) merged.set(key, value)
    else {
      const before = merged.get(key)
      merged.set(key, mergeMetadata(isPlainObject(before) ? before : {}, value))
    }
  }
  return Object.fromEntries(merged)
}

/** A lower bound of the JSON's length so far, so that a huge value is refused before it is walked to the end. */
interface Size {
  characters: number
}

function copyValue(value: unknown, path: string, depth: number, size: Size): Json {
  size.characters += typeof value === 'string' ? value.length + 2 : 1
  if (size.characters > LIMITS.metadataBytes) throw tooLarge(size.characters)
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw refusal(path, 'holds half of a surrogate pair')
    return value
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw refusal(path, `is ${value}, which JSON does not have`)
    return value
  }
  if (depth > LIMITS.metadataDepth) throw refusal(path, `lies deeper than ${LIMITS.metadataDepth} levels`)
  if (Array.isArray(value)) {
    return Array.from(value, (entry: unknown, i) => copyValue(entry, `${path}[${i}]`, depth + 1, size))
  }
  if (isPlainObject(value)) return copyObject(value, path, depth, size)
  const kind = typeof value === 'object' ? `a ${value.constructor?.name ?? 'object'}` : show(value)
  throw refusal(path, `is ${kind}, which JSON does not have`)
}

function copyObject(value: Record<string, unknown>, path: string, depth: number, size: Size): Metadata {
  const entries: [string, Json][] = []
  for (const key of Object.keys(value)) {
    checkKey(key, path)
    size.characters += key.length + 3
    entries.push([key, copyValue(value[key], `${path}.${key}`, depth + 1, size)])
  }
  return Object.fromEntries(entries)
}

function checkKey(key: string, path: string): void {
  if (key.startsWith('$'))
    throw refusal(path, `has the key ${show(key)}; names that start with "$" are reserved`)
  if (key.includes('.')) throw refusal(path, `has the key ${show(key)}; "." separates the levels of a name`)
  // SQLite's JSON paths would take "a\u0000b" for "a"
  if (key.includes('\0')) throw refusal(path, `has the key ${show(key)}; U+0000 is not allowed in one`)
  if (key === '__proto__') throw refusal(path, 'has the key "__proto__", which is not allowed')
  if (!key.isWellFormed()) throw refusal(path, `has a key that holds half of a surrogate pair: ${show(key)}`)
}

function refusal(path: string, problem: string): EngineError {
  return new EngineError('INVALID_METADATA', `${path} ${problem}`, { details: { field: path } })
}

function tooLarge(size: number): EngineError {
  return refusal('metadata', `has at most ${LIMITS.metadataBytes} bytes as JSON, this has ${size} or more`)
}
