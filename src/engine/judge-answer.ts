import type { CollectionRecord, SpaceRecord, StoredItem } from '../core/backend.js'
import type { KeywordQuery } from '../core/keyword-query.js'
import { type Metric, scoreOf } from '../core/metrics.js'
import type { MatchReason, SearchAnswer } from '../core/types.js'
import { deviationsAbove, percentileOf } from '../query/calibration.js'
import { likelihoodOf, type MatchEvidence, matchOf } from '../query/judge-match.js'
import { keywordValues } from '../query/keyword-document.js'
import { matchText } from '../query/match-text.js'
import { contentTerms } from '../query/word-rarity.js'
import type { Calibration } from './calibration.js'
import type { EngineContext } from './engine-context.js'
import { TEXT_READ } from './make-calibration.js'

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
 * Tells in an answer, whose results it changes, how unusual its similarities are, and whether a text was answered; as it is where the collection is
 * not calibrated.
 */
export async function judgeAnswer(
  context: EngineContext,
  record: CollectionRecord,
  answer: SearchAnswer,
  { asked, found }: { asked: Asked; found: Found },
): Promise<SearchAnswer> {
  const { metric, space } = found
  // nothing is told of words alone
  if (!metric || !space) return answer
  const subject = { record, space, metric }
  const calibration = await context.calibrations.find(subject, { wait: asked.calibrated })
  if (!calibration) return answer
  // set in place: the answer was just made and nobody else has it yet, and copies would cost a search 4 % of its time
  for (const result of answer.results) {
    const score = answer.plan.mode === 'dense' ? result.score : result.scores?.dense
    if (score !== undefined) result.percentile = percentileOf(calibration.pairs, score)
  }
  const { nonsense, words } = calibration
  // words alone do not tell a long question from nonsense: most of its words may be missing from the best text
  if (asked.text === undefined || !nonsense || !words) return answer
  const judged = { nonsense, words, nearest: calibration.nearest, metric }
  const reason = await weigh(context, record, judged, { asked: { ...asked, text: asked.text }, found })
  return reason ? { ...answer, match: matchOf(reason.likelihood), matchReason: reason } : answer
}

type Judges = Required<Pick<Calibration, 'nearest' | 'nonsense' | 'words'>> & { metric: Metric }

/** @returns undefined where what was found has no vector to be judged by */
async function weigh(
  context: EngineContext,
  record: CollectionRecord,
  { nearest, nonsense, words, metric }: Judges,
  { asked, found: { dense, keyword } }: { asked: Asked & { text: string }; found: Found },
): Promise<MatchReason | undefined> {
  if (!dense) return keyword ? undefined : { likelihood: 0 }
  const score = scoreOf(metric, dense.distance)
  const query = contentTerms(asked.text.slice(0, TEXT_READ))
  const ids = [...new Set([dense, ...(keyword ? [keyword] : [])].map(({ id }) => id))]
  const { keywords = [] } = record
  const items = await context.backend.get(record.name, ids, { text: true, metadata: keywords.length > 0 })
  const shares = [...items.values()].flatMap((item) => {
    const part = item.id === dense.id ? dense : undefined
    return words.share(query, termsOf(item, { part, asked, keywords })) ?? []
  })
  const evidence: MatchEvidence = {
    deviations: deviationsAbove(nonsense, score),
    ...(shares.length > 0 ? { words: Math.max(...shares) } : {}),
  }
  return { likelihood: likelihoodOf(evidence), percentile: percentileOf(nearest, score), ...evidence }
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
