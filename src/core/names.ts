import { EngineError } from './errors.js'
import { LIMITS } from './limits.js'

const encoder = new TextEncoder()

/** Bytes of `text` in UTF-8. */
export function utf8Length(text: string): number {
  return encoder.encode(text).length
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u

/**
 * Checks an item's id.
 *
 * @throws EngineError INVALID_ID
 */
export function checkId(id: unknown): string {
  if (typeof id !== 'string')
    throw new EngineError('INVALID_ID', `an item id must be a string, got ${typeof id}`)
  if (id === '') throw new EngineError('INVALID_ID', 'an item id must not be empty')
  if (id === '.' || id === '..')
    throw new EngineError('INVALID_ID', `an item id must not be "${id}": no web address can end in it`)
  if (!id.isWellFormed())
    throw new EngineError(
      'INVALID_ID',
      'an item id must be well-formed Unicode: it holds half of a surrogate pair',
    )
  if (CONTROL.test(id))
    throw new EngineError(
      'INVALID_ID',
      `item id ${JSON.stringify(id.slice(0, 60))} holds a control character`,
    )
  const bytes = id.length * 3 > LIMITS.idBytes ? utf8Length(id) : 0
  if (bytes > LIMITS.idBytes) {
    throw new EngineError(
      'INVALID_ID',
      `an item id has at most ${LIMITS.idBytes} UTF-8 bytes, this one has ${bytes}: ${JSON.stringify(id.slice(0, 60))}…`,
    )
  }
  return id
}

/**
 * Checks the name of a collection or a space: letters and digits of any script, `_`, `-`, `.`, no dot in front,
 * 1 to 100 characters. Names stand in addresses and on command lines, but never become file paths.
 *
 * @param kind how the message calls it: `collection`, `space`
 * @throws EngineError INVALID_NAME
 */
export function checkName(name: unknown, kind: string): string {
  if (
    typeof name !== 'string' ||
    name.length > LIMITS.nameLength ||
    !/^[\p{L}\p{M}\p{N}_-][\p{L}\p{M}\p{N}_.-]*$/u.test(name)
  ) {
    const shown =
      typeof name === 'string'
        ? JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name)
        : typeof name
    throw new EngineError(
      'INVALID_NAME',
      `${kind} name ${shown} is not allowed: use 1 to ${LIMITS.nameLength} letters, digits, "_", "-" or ".", not beginning with "."`,
    )
  }
  return name.normalize('NFC')
}
