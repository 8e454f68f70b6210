import type { Backend, CollectionRecord } from '../core/backend.js'
import { scoreOf } from '../core/metrics.js'
import { seededRandom } from '../core/random.js'
import {
  condense,
  type Distribution,
  distributionOf,
  samplePairs,
  scoreOfRows,
} from '../query/calibration.js'
import { keywordValues } from '../query/keyword-document.js'
import { nonsenseQueries } from '../query/nonsense.js'
import { contentWords, WordRarity } from '../query/word-rarity.js'
import type { Calibration, CalibrationSubject } from './calibration.js'
import { type EngineContext, isTextSpace, loadSpaceEncoder } from './engine-context.js'
import { Pace, throwIfAborted } from './pace.js'

/** Where calibrations are made. */
export type CalibrationHost = Pick<EngineContext, 'backend' | 'encoders'>

/** Fewer items than this say nothing about what is usual. */
export const LEAST_ITEMS = 20
/** Items of a sample. */
export const SAMPLE_ITEMS = 2_000
const PAIRS = 20_000
/** Values kept of a distribution: percentiles are exact to a twentieth. */
const POINTS = 2_001
/** Items whose nearest other item is looked for. */
const NEAREST = 300
/** Queries of random words; more make their mean and deviation surer and cost the encoder 2 ms each. */
const NONSENSE = 100
/** Encoded at a time, so that a user's query waits for no more. */
const ENCODED_AT_ONCE = 5
const TEXTS_AT_ONCE = 50
/** Of a longer text the beginning is read, in UTF-16 units. */
export const TEXT_READ = 4_000
const SEED = 1
/** A word that may stand in a query of random words: three letters, or any of a script without spaces. */
const LETTERS = /^(?:\p{L}{3,}|[^ -~]+)$/u

/**
 * Draws a sample of a space and measures it, in slices that leave the thread to searches.
 *
 * @returns undefined where too few items have vectors there
 */
export async function makeCalibration(
  host: CalibrationHost,
  subject: CalibrationSubject,
  signal: AbortSignal,
): Promise<Calibration | undefined> {
  const { record, space, metric } = subject
  const random = seededRandom(SEED)
  const { ids, vectors } = await host.backend.sample(record.name, space.name, {
    count: SAMPLE_ITEMS,
    seed: SEED,
  })
  if (ids.length < LEAST_ITEMS) return undefined
  const rows = { vectors, count: ids.length, dim: space.dim }
  const pace = new Pace(signal)
  const scores: number[] = []
  for (const [a, b] of samplePairs(rows.count, PAIRS, random)) {
    if (pace.due) await pace.rest()
    scores.push(scoreOfRows(rows, a, b, metric))
  }
  const calibration: Calibration = {
    pairs: condense(distributionOf(scores), POINTS),
    nearest: await measureBest(host.backend, subject, itemsOf(ids, rows), signal),
  }
  if (!isTextSpace(space)) return calibration
  const encoder = await loadSpaceEncoder(host, space)
  const queries: { vector: Float32Array }[] = []
  const { rarity, surface } = await countWords(host.backend, record, ids, signal)
  if (surface.length === 0) return calibration
  const texts = nonsenseQueries(surface, NONSENSE, random)
  for (let from = 0; from < texts.length; from += ENCODED_AT_ONCE) {
    queries.push(
      ...(await encoder.encode(texts.slice(from, from + ENCODED_AT_ONCE), { as: 'query', signal })),
    )
  }
  calibration.nonsense = await measureBest(host.backend, subject, queries, signal)
  calibration.words = rarity
  return calibration
}

function itemsOf(
  ids: readonly string[],
  { vectors, dim }: { vectors: Float32Array; dim: number },
): { vector: Float32Array; id: string }[] {
  // the sample is in random order
  return ids
    .slice(0, NEAREST)
    .map((id, i) => ({ id, vector: vectors.slice(i * dim, (i + 1) * dim) }))
    .filter(({ vector }) => vector.some((value) => value !== 0))
}

/** Each one's score against what is nearest to it, itself excluded. */
async function measureBest(
  backend: Backend,
  { record, space, metric }: CalibrationSubject,
  asked: readonly { vector: Float32Array; id?: string }[],
  signal: AbortSignal,
): Promise<Distribution> {
  const scores: number[] = []
  const pace = new Pace(signal)
  for (const { vector, id } of asked) {
    const { hits } = await backend.nearest(record.name, {
      space: space.name,
      encoder: space.encoder,
      vectors: [vector],
      metric,
      k: 1,
      exclude: id === undefined ? undefined : [id],
      signal,
    })
    const [best] = hits
    if (best) scores.push(scoreOf(metric, best.distance))
    if (pace.due) await pace.rest()
  }
  return distributionOf(scores)
}

/** @returns also one form of each word, for those that are made of letters */
async function countWords(
  backend: Backend,
  { name, keywords = [] }: CollectionRecord,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<{ rarity: WordRarity; surface: string[] }> {
  const rarity = new WordRarity()
  const surface = new Map<string, string>()
  const pace = new Pace(signal)
  for (let from = 0; from < ids.length; from += TEXTS_AT_ONCE) {
    throwIfAborted(signal)
    const some = ids.slice(from, from + TEXTS_AT_ONCE)
    const items = await backend.get(name, some, { text: true, metadata: keywords.length > 0 })
    for (const { text, metadata = {} } of items.values()) {
      if (pace.due) await pace.rest()
      const read = [(text ?? '').slice(0, TEXT_READ), ...keywordValues(metadata, keywords)]
      const words = contentWords(read.join('\n'))
      rarity.add(new Set(words.map(({ term }) => term)))
      for (const { term, folded } of words) if (LETTERS.test(folded)) surface.set(term, folded)
    }
  }
  return { rarity, surface: [...surface.values()] }
}
