import { isAbsolute, resolve } from 'node:path'
import { EngineError } from '../core/errors.js'
import type { CollectionOptions, CollectionSummary, SpaceOptions } from '../core/types.js'
import { COLUMNS_SPACE } from '../datasets/vector-columns.js'
import type { Client } from './client.js'
import { checkColumns } from './vector-columns.js'

export interface EnsureOptions {
  /** Of its text space; an existing collection must have been made with it. */
  encoder?: string
  /** Metadata that keyword search reads; likewise. */
  keywords?: string[]
  /**
   * What its space `columns` is made of; likewise. Beside it there is a space `text` where texts are to come or an encoder is
   * named. Default: there is only a space `text`.
   */
  columns?: { names: readonly string[]; withText: boolean }
}

/**
 * Makes a collection if it is missing.
 *
 * @throws EngineError ENCODER_MISMATCH, COLLECTION_EXISTS, SPACE_NOT_FOUND, DIMENSION_MISMATCH
 */
export async function ensureCollection(
  client: Client,
  name: string,
  { encoder, keywords, columns }: EnsureOptions = {},
): Promise<CollectionSummary> {
  const named = encoder === undefined ? undefined : encoderPath(encoder)
  try {
    const spaces = columns && (await spacesOf(client, columns, named))
    return await client.createCollection(name, {
      keywords,
      ...(spaces ? { spaces } : { encoder: named }),
    } satisfies CollectionOptions)
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'COLLECTION_EXISTS') throw error
  }
  const summary = await client.collection(name)
  const space = summary.spaces.find((one) => one.name === 'text')
  if (named !== undefined && space?.encoder !== (await client.encoderId(named))) {
    throw new EngineError(
      'ENCODER_MISMATCH',
      `collection "${name}" was made with another encoder than "${encoder}"; leave --encoder out, or add to another collection`,
    )
  }
  const has = summary.keywords ?? []
  if (keywords && (keywords.length !== has.length || keywords.some((path) => !has.includes(path)))) {
    throw new EngineError(
      'COLLECTION_EXISTS',
      `collection "${name}" was made with other keywords: ${has.join(', ') || 'none'}; leave --keywords out, or add to another collection`,
    )
  }
  if (columns) checkColumns(summary, columns.names)
  return summary
}

/** Vectors of columns are compared by their distance: a row of zeros, which has no direction, is a row like any other. */
async function spacesOf(
  client: Client,
  { names, withText }: { names: readonly string[]; withText: boolean },
  encoder: string | undefined,
): Promise<SpaceOptions[]> {
  const own: SpaceOptions = { name: COLUMNS_SPACE, metrics: ['euclidean'], columns: [...names] }
  if (!withText && encoder === undefined) return [own]
  const chosen = encoder ?? (await client.encoders()).find(({ isDefault }) => isDefault)?.name
  return chosen === undefined ? [own] : [{ name: 'text', encoder: chosen }, own]
}

/** An encoder's name as the engine takes it: a folder's path made absolute, since a server runs elsewhere. */
export function encoderPath(name: string): string {
  return isAbsolute(name) || /^\.\.?([/\\]|$)/.test(name) ? resolve(name) : name
}
