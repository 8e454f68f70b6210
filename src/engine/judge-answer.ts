import type { CollectionRecord, SpaceRecord, StoredItem } from '../core/backend.js'
import type { KeywordQuery } from '../core/keyword-query.js'
import { type Metric, scoreOf } from '../core/metrics.js'
import type { MatchReason, SearchAnswer } from '../core/types.js'
import { deviationsAbove, percentileOf } from '../query/calibration.js'
import { likelihoodOf, type MatchEvidence, matchOf } from '../query/judge-match.js'
import { keywordValues } from '../query/keyword-document.js'
import { matchText } from '../query/match-text.js'
import { contentTerms } from '../query/word-rarity.js'
import { type EngineContext, isTextSpace } from './engine-context.js'
import { type Calibration, TEXT_READ } from './make-calibration.js'

/** What the best of a search were, before they are cut to the k that are shown. */
export interface Found {
  /** Where vectors were compared. */
  space?: SpaceRecord
  metric?: Metric | undefined
  /** The best of the dense list and of the keyword list; borders where it is known which part of the text is meant. */
  dense?: undefined | { id: string; distance: number; start: number; end: number }
  keyword?: undefined | { id: string }
}

/** What was asked, as far as it matters to whether it was answered. */
export interface Asked {
  /** Undefined where no text was asked. */
  text?: string
  /** The same as the keyword index is asked. */
  words?: KeywordQuery | undefined
  calibrated: boolean
}

/**
 * Tells in an answer how unusual its similarities are, and whether a text was answered; as it is where the collection is
 * not calibrated.
 */
export async function judgeAnswer(
  context: EngineContext,
  record: CollectionRecord,
  answer: SearchAnswer,
  { asked, found }: { asked: Asked; found: Found },
): Promise<SearchAnswer> {
  const { metric } = found
  const space = found.space ?? record.spaces.find(isTextSpace)
  if (!space) return answer
  const subject = { record, space, metric: metric ?? space.metrics[0] ?? 'cosine' }
  const calibration = await context.calibrations.find(subject, { wait: asked.calibrated })
  if (!calibration) return answer
  const results = answer.results.map((result) => {
    const score = answer.plan.mode === 'dense' ? result.score : result.scores?.dense
    if (!metric || score === undefined) return result
    return { ...result, percentile: percentileOf(calibration.pairs, score) }
  })
  const { unrelated, words } = calibration
  if (asked.text === undefined || !unrelated || !words) return { ...answer, results }
  const reason = await weigh(context, record, calibration, { asked: { ...asked, text: asked.text }, found })
  return { ...answer, results, match: matchOf(reason.likelihood), matchReason: reason }
}

type TextCalibration = Pick<Calibration, 'nearest' | 'unrelated' | 'words'>

async function weigh(
  context: EngineContext,
  record: CollectionRecord,
  { nearest, unrelated, words }: TextCalibration,
  { asked, found }: { asked: Asked & { text: string }; found: Found },
): Promise<MatchReason> {
  const evidence: MatchEvidence = {}
  const reason: MatchReason = { likelihood: 0 }
  const { dense, keyword, metric } = found
  if (!dense && !keyword) return reason
  if (dense && metric && unrelated) {
    const score = scoreOf(metric, dense.distance)
    evidence.deviations = deviationsAbove(unrelated, score)
    reason.percentile = percentileOf(nearest, score)
  }
  const query = contentTerms(asked.text.slice(0, TEXT_READ))
  const ids = [...new Set([dense, keyword].flatMap((best) => best?.id ?? []))]
  const { keywords = [] } = record
  const items = await context.backend.get(record.name, ids, { text: true, metadata: keywords.length > 0 })
  const shares = [...items.values()].map((item) =>
    words?.share(query, termsOf(item, { part: item.id === dense?.id ? dense : undefined, asked, keywords })),
  )
  const known = shares.filter((share) => share !== undefined)
  if (known.length > 0) evidence.words = Math.max(...known)
  return { ...reason, ...evidence, likelihood: likelihoodOf(evidence) ?? 0 }
}

/** The words of an item that may answer: of its metadata, of the part that is meant, else of where most of the query stands. */
function termsOf(
  { text, metadata = {} }: StoredItem,
  {
    part,
    asked: { words },
    keywords,
  }: { part: { start: number; end: number } | undefined; asked: Asked; keywords: readonly string[] },
): Set<string> {
  const read = (text ?? '').slice(0, TEXT_READ)
  const chosen =
    words && read !== '' ? matchText(words, { text: read, metadata, paths: keywords }) : undefined
  const parts = [part, chosen].map((borders) => (text ?? '').slice(borders?.start ?? 0, borders?.end ?? 0))
  return contentTerms([...parts, ...keywordValues(metadata, keywords)].join('\n'))
}
