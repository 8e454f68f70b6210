import { isAbsolute, resolve } from 'node:path'
import { EngineError } from '../core/errors.js'
import type { CollectionSummary } from '../core/types.js'
import type { Client } from './client.js'

/**
 * Makes a collection if it is missing.
 *
 * @param options.encoder of its text space; an existing collection must have been made with it
 * @param options.keywords metadata that keyword search reads; likewise
 * @throws EngineError ENCODER_MISMATCH, COLLECTION_EXISTS
 */
export async function ensureCollection(
  client: Client,
  name: string,
  { encoder, keywords }: { encoder?: string; keywords?: string[] } = {},
): Promise<CollectionSummary> {
  const named = encoder === undefined ? undefined : encoderPath(encoder)
  try {
    return await client.createCollection(name, { encoder: named, keywords })
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
  return summary
}

/** An encoder's name as the engine takes it: a folder's path made absolute, since a server runs elsewhere. */
export function encoderPath(name: string): string {
  return isAbsolute(name) || /^\.\.?([/\\]|$)/.test(name) ? resolve(name) : name
}
