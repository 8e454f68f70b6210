import type { EncodedItem, ItemWrite } from '../../core/backend.js'
import type { CollectionKeys, EncoderKeys } from './collection-keys.js'

/** What a write brings of one encoder version. */
export interface EncodedRow {
  version: EncoderKeys
  encoded: EncodedItem
}

/**
 * What a write brings of each encoder version, in the order in which the writer gives labels. Two versions of one
 * encoder get the same.
 */
export function encodedRows(keys: CollectionKeys, write: ItemWrite): EncodedRow[] {
  const rows: EncodedRow[] = []
  for (const { name, versions } of keys.spaces) {
    const given = write.vectors[name]
    if (given === undefined || given === 'keep') continue
    for (const version of versions) {
      const encoded = given.find(({ encoder }) => encoder === version.encoder)
      if (encoded) rows.push({ version, encoded })
    }
  }
  return rows
}

/** The encoder versions of which the write leaves the vectors and scores as they are. */
export function keptVersions(keys: CollectionKeys, write: ItemWrite): number[] {
  return keys.spaces.flatMap(({ name, versions }) =>
    write.vectors[name] === 'keep' ? versions.map(({ encoderKey }) => encoderKey) : [],
  )
}
