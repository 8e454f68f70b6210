import { setImmediate as nextTurn } from 'node:timers/promises'
import type { EncodedItem, ItemWrite, NearestQuery } from '../../core/backend.js'
import { EngineError } from '../../core/errors.js'
import { type CollectionKeys, type EncoderKeys, findSpace } from './collection-keys.js'

/** Writes that are checked before the event loop gets its turn. */
const SLICE = 1_000

/**
 * Refuses writes whose vectors are of encoders that their spaces do not have, or not of the current one too.
 *
 * @throws EngineError SPACE_NOT_FOUND, ENCODER_MISMATCH, DIMENSION_MISMATCH
 */
export async function checkWrites(keys: CollectionKeys, writes: readonly ItemWrite[]): Promise<void> {
  for (const [i, write] of writes.entries()) {
    if (i > 0 && i % SLICE === 0) await nextTurn()
    for (const [name, given] of Object.entries(write.vectors)) {
      const { versions, current } = findSpace(keys, name)
      if (given === 'keep') continue
      const what = `item "${write.id}"`
      if (current && !given.some(({ encoder }) => encoder === current.encoder)) {
        mismatch(current, given[0], what)
      }
      for (const encoded of given) {
        const version = versions.find(({ encoder }) => encoder === encoded.encoder)
        if (!version) mismatch(current ?? versions.at(-1), encoded, what)
        checkDims(version, encoded, what)
      }
    }
  }
}

/** @throws EngineError ENCODER_MISMATCH, DIMENSION_MISMATCH */
export function checkEncoded(version: EncoderKeys, encoded: EncodedItem, what: string): void {
  if (encoded.encoder !== version.encoder) mismatch(version, encoded, what)
  checkDims(version, encoded, what)
}

/** @throws EngineError ENCODER_MISMATCH, DIMENSION_MISMATCH */
export function checkQuery(version: EncoderKeys, query: NearestQuery): void {
  if (query.encoder !== version.encoder) mismatch(version, query, 'the query')
  for (const vector of query.vectors) checkDim(version, vector, 'the query')
}

function checkDims(version: EncoderKeys, { passages }: EncodedItem, what: string): void {
  for (const { vector } of passages) checkDim(version, vector, what)
}

function checkDim(version: EncoderKeys, vector: Float32Array, what: string): void {
  if (vector.length === version.dim) return
  throw new EngineError(
    'DIMENSION_MISMATCH',
    `${what} has a vector of ${vector.length} dimensions; space "${version.space}" has ${version.dim}`,
  )
}

function mismatch(
  version: EncoderKeys | undefined,
  came: { encoder: string | null } | undefined,
  what: string,
): never {
  const given = came ? `a vector made by ${nameOf(came.encoder)}` : 'no vector of the current encoder'
  const expected = nameOf(version?.encoder ?? null)
  throw new EngineError(
    'ENCODER_MISMATCH',
    `${what} has ${given}; space "${version?.space}" holds those of ${expected}`,
  )
}

function nameOf(encoder: string | null): string {
  return encoder ?? 'the user (no encoder)'
}
