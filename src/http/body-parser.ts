import type { z } from '@hono/zod-openapi'
import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import type { Metric } from '../core/metrics.js'
import type {
  CollectionOptions,
  DetectOptions,
  DuplicateOptions,
  ItemInput,
  Query,
  QueryPart,
  SearchRequest,
} from '../core/types.js'
import type { TrainOptions } from '../engine/train-request.js'
import { type ItemChanges, imageBytes, itemChanges, itemInput, namingItem, vectorOf } from './item-input.js'
import {
  CollectionBody,
  CollectionChangesBody,
  CorrectBody,
  DeleteBody,
  DetectBody,
  DuplicatesBody,
  EmbeddingsBody,
  ItemsEnvelope,
  PatchBody,
  RevertBody,
  SearchBatchEnvelope,
  SearchBody,
  TrainBody,
  UseBody,
} from './schemas.js'
import { check, show } from './validation.js'

/** What each kind of JSON body means once it is read and checked. */
export interface Bodies {
  collection: { name: string; options: CollectionOptions }
  items: ItemInput[]
  patch: ItemChanges
  remove: string[] | { where: unknown }
  collectionChanges: z.output<typeof CollectionChangesBody>
  search: SearchRequest
  searches: SearchRequest[]
  train: TrainOptions
  duplicates: DuplicateOptions
  detect: DetectOptions
  correct: z.output<typeof CorrectBody>
  revert: z.output<typeof RevertBody>
  embeddings: z.output<typeof EmbeddingsBody> & { input: string[] }
  use: z.output<typeof UseBody>
}

export type BodyKind = keyof Bodies

const BODY = 'the body'

const PARSERS: { [K in BodyKind]: (json: unknown) => Bodies[K] } = {
  collection: (json) => {
    const { name, ...options } = check(CollectionBody, json, BODY)
    return { name, options: options as CollectionOptions } // metrics are checked by the engine
  },
  items: (json) => {
    const { items } = check(ItemsEnvelope, json, BODY)
    if (items.length > LIMITS.batchItems) {
      throw new EngineError(
        'BATCH_TOO_LARGE',
        `a batch has at most ${LIMITS.batchItems} items, this one has ${items.length}: send several, or NDJSON`,
      )
    }
    return items.map((item, index) => namingItem(item, { index }, () => itemInput(item)))
  },
  patch: (json) => itemChanges(check(PatchBody, json, BODY)),
  remove: (json) => {
    const { ids, where } = check(DeleteBody, json, BODY)
    if (ids !== undefined && where === undefined) return ids
    if (ids === undefined && where !== undefined) return { where }
    const message = `the body must have "ids" or "where", got ${ids === undefined ? 'neither' : 'both'}`
    throw new EngineError('INVALID_REQUEST', message, { details: { field: 'ids' } })
  },
  collectionChanges: (json) => check(CollectionChangesBody, json, BODY),
  search: (json) => searchRequest(json, BODY),
  searches: (json) =>
    check(SearchBatchEnvelope, json, BODY).searches.map((search, index) =>
      namingSearch(index, () => searchRequest(search, 'the search')),
    ),
  train: (json) => check(TrainBody, json, BODY),
  duplicates: (json) => check(DuplicatesBody, json, BODY),
  detect: (json) => check(DetectBody, json, BODY) as DetectOptions,
  correct: (json) => check(CorrectBody, json, BODY),
  revert: (json) => check(RevertBody, json, BODY),
  embeddings: (json) => {
    const body = check(EmbeddingsBody, json, BODY)
    return { ...body, input: textsOf(body.input) }
  },
  use: (json) => check(UseBody, json, BODY),
}

/**
 * Reads and checks a body that is in memory.
 *
 * @throws EngineError INVALID_JSON, INVALID_REQUEST and what else is wrong with its fields
 */
export function parseBody<K extends BodyKind>(kind: K, bytes: Uint8Array): Bodies[K] {
  return PARSERS[kind](parseJson(bytes, 'the body'))
}

const decoder = new TextDecoder('utf-8', { fatal: true })

/** @param source how the message calls it: `the body`, `line 7` */
export function parseJson(bytes: Uint8Array, source: string): unknown {
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch (cause) {
    throw new EngineError('INVALID_JSON', `${source} is not UTF-8`, { cause })
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    const hint = text === '' ? 'it is empty' : cause instanceof Error ? cause.message : String(cause)
    throw new EngineError('INVALID_JSON', `${source} is not JSON: ${hint}`, { cause })
  }
}

function searchRequest(json: unknown, source: string): SearchRequest {
  const { query, metric, ...rest } = check(SearchBody, json, source)
  const request: SearchRequest = { ...rest, query: queryOf(query) }
  if (metric !== undefined) request.metric = metric as Metric // the engine refuses unknown ones
  return request
}

/** Runs it; an error then tells of which search of a batch it is. */
function namingSearch<T>(index: number, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    const place = `searches[${index}]`
    const { field } = error.details ?? {}
    const details = { ...error.details, index, field: field === undefined ? place : `${place}.${field}` }
    throw new EngineError(error.code, `${place}: ${error.message}`, { cause: error, details })
  }
}

type WireQuery = z.output<typeof SearchBody>['query']
type WireExample = NonNullable<WireQuery['positive']>[number]

function queryOf(query: WireQuery): Query {
  const { positive, negative, ...given } = query
  if (positive === undefined && negative === undefined) return oneOf(given, 'query')
  const odd = Object.keys(given)[0]
  if (odd !== undefined) {
    const message = `"query" in the body must have positive and negative examples or ${odd}, got both`
    throw new EngineError('INVALID_REQUEST', message, { details: { field: 'query' } })
  }
  const parts = (examples: WireExample[], side: string): QueryPart[] =>
    examples.map(({ weight, space, ...example }, i) => ({
      ...oneOf(example, `query.${side}[${i}]`),
      ...(weight === undefined ? {} : { weight }),
      ...(space === undefined ? {} : { space }),
    }))
  return {
    positive: parts(positive ?? [], 'positive'), // the engine refuses an empty list
    ...(negative === undefined ? {} : { negative: parts(negative, 'negative') }),
  }
}

/** @param place how the message calls it: `query`, `query.positive[0]` */
function oneOf(
  query: Omit<WireExample, 'weight' | 'space'>,
  place: string,
): Exclude<Query, { positive: unknown }> {
  const { encoder, ...given } = query
  const kinds = Object.keys(given)
  if (kinds.length !== 1) {
    const got = kinds.length === 0 ? 'none' : kinds.join(' and ')
    throw new EngineError(
      'INVALID_REQUEST',
      `"${place}" in the body must have exactly one of text, id, vector, image, got ${got}`,
      { details: { field: place } },
    )
  }
  if (query.vector !== undefined) {
    const vector = vectorOf(query.vector, `${place}.vector`)
    return encoder === undefined ? { vector } : { vector, encoder }
  }
  if (query.image !== undefined) return { image: imageBytes(query.image, `${place}.image`) }
  return query as { text: string } | { id: string }
}

function textsOf(input: string | readonly unknown[]): string[] {
  const texts = typeof input === 'string' ? [input] : input
  if (texts.length === 0) throw new EngineError('INVALID_REQUEST', '"input" in the body must not be empty')
  if (texts.length > LIMITS.embeddingInputs) {
    throw new EngineError(
      'BATCH_TOO_LARGE',
      `"input" has ${texts.length} texts, at most ${LIMITS.embeddingInputs} are taken at once`,
    )
  }
  return texts.map((text, i) => {
    if (typeof text === 'string') return text
    if (typeof text === 'number' || Array.isArray(text)) {
      throw new EngineError(
        'INVALID_REQUEST',
        '"input" in the body holds tokens, whose meaning only their own tokenizer knows: send the texts themselves',
        { details: { field: 'input' } },
      )
    }
    throw new EngineError('INVALID_REQUEST', `"input[${i}]" in the body must be a string, got ${show(text)}`)
  })
}
