import { createHash } from 'node:crypto'
import type { ImageEncoderModel } from '../../core/image-encoder.js'
import type { FittedParts } from './fit-types.js'

/** Gives fitted parts their id: SHA-256 over kind, dimension, settings and files; the report does not count. */
export function identify(parts: FittedParts): ImageEncoderModel {
  const { kind, dim, unit, settings, files } = parts
  const hash = createHash('sha256').update(canonical({ kind, dim, unit, settings }))
  for (const name of Object.keys(files).sort()) {
    const bytes = files[name] as Uint8Array
    hash.update(`\n${name} ${bytes.length}\n`).update(bytes)
  }
  return { ...parts, id: hash.digest('hex') }
}

/** JSON with sorted keys: the same whatever order they came in. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
