import type { CollectionRecord } from '../core/backend.js'
import type { KeywordQuery } from '../core/keyword-query.js'
import { SEARCH_MODES, type SearchMode } from '../core/types.js'
import { FUSIONS, type FusionOptions } from '../query/fusion.js'
import { parseKeywords } from '../query/parse-keywords.js'
import { checkText } from './prepare-item.js'
import { checkFields, invalid, isPlainObject, show } from './requests.js'
import {
  type AnswerFields,
  type CheckedSearch,
  checkAnswerFields,
  checkSearch,
  QUERY_FIELDS,
  queryKind,
  REQUEST_FIELDS,
} from './search-request.js'

/** A checked request, by how it is answered. */
export type CheckedRequest =
  | { mode: 'dense'; search: CheckedSearch }
  | {
      mode: 'hybrid'
      /** What the dense part looks for. */
      search: CheckedSearch
      /** Undefined where the text has no word. */
      words: KeywordQuery | undefined
      fusion: FusionOptions
    }
  | ({
      mode: 'keyword'
      words: KeywordQuery | undefined /** Without its signs. */
      text: string
    } & AnswerFields)

/** Of a search in any mode. */
export const MODE_FIELDS: ReadonlySet<string> = new Set([...REQUEST_FIELDS, 'mode', 'fusion', 'alpha'])
/** What has no meaning where no vectors are compared. */
const DENSE_FIELDS = ['space', 'metric', 'exact', 'ef', 'targetRecall'] as const

/**
 * Checks a search request, and chooses its mode: a text is searched hybrid unless another mode is asked, everything else
 * dense.
 *
 * @throws EngineError INVALID_REQUEST naming the field, and what {@link checkSearch} throws
 */
export function checkRequest(input: unknown, record: CollectionRecord): CheckedRequest {
  const { mode: asked, fusion, alpha, ...rest } = checkFields(input, MODE_FIELDS, 'search request')
  const text = isPlainObject(rest.query) ? rest.query.text : undefined
  const mode = chooseMode(asked, text !== undefined)
  const options = chooseFusion(mode, fusion, alpha)
  if (mode === 'dense') return { mode, search: checkSearch(rest, record) }
  if (mode === 'hybrid') {
    // what is wrong with the request comes before what is wrong with its words
    const search = checkSearch(rest, record)
    const { query: words, plain } = readWords(text)
    return { mode, search: { ...search, query: { kind: 'text', text: plain } }, words, fusion: options }
  }
  queryKind(checkFields(rest.query, QUERY_FIELDS, 'query'))
  const odd = DENSE_FIELDS.find((field) => rest[field] !== undefined)
  if (odd) throw invalid(odd, `${odd} concerns vectors, which mode "keyword" does not compare; leave it out`)
  const { query: words, plain } = readWords(text)
  return { mode, words, text: plain, ...checkAnswerFields(rest, record) }
}

function chooseMode(asked: unknown, byText: boolean): SearchMode {
  if (asked === undefined) return byText ? 'hybrid' : 'dense'
  const mode = SEARCH_MODES.find((known) => known === asked)
  if (!mode) throw invalid('mode', `mode must be one of ${SEARCH_MODES.join(', ')}, got ${show(asked)}`)
  if (mode === 'dense' || byText) return mode
  throw invalid('mode', `mode "${mode}" looks for words, so it needs query.text; other queries are dense`)
}

function chooseFusion(mode: SearchMode, fusion: unknown, alpha: unknown): FusionOptions {
  for (const [field, value] of [
    ['fusion', fusion],
    ['alpha', alpha],
  ] as const) {
    if (value !== undefined && mode !== 'hybrid') {
      throw invalid(field, `${field} says how two lists become one; mode "${mode}" has only one`)
    }
  }
  const known = fusion === undefined ? 'rrf' : FUSIONS.find((name) => name === fusion)
  if (!known) throw invalid('fusion', `fusion must be one of ${FUSIONS.join(', ')}, got ${show(fusion)}`)
  if (alpha === undefined) return { fusion: known, alpha: DEFAULT_ALPHA }
  if (typeof alpha !== 'number' || !(alpha >= 0 && alpha <= 1)) {
    throw invalid('alpha', `alpha must be a number from 0 (keyword) to 1 (dense), got ${show(alpha)}`)
  }
  return { fusion: known, alpha }
}

const DEFAULT_ALPHA = 0.5

function readWords(value: unknown): { query: KeywordQuery | undefined; plain: string } {
  const text = checkText(value, 'query.text')
  const { query, onlyExcluded, plain } = parseKeywords(text)
  if (onlyExcluded) {
    throw invalid(
      'query.text',
      'query.text only excludes words; say beside them what to find, or ask with mode "dense", which takes "-" as it stands',
    )
  }
  return { query, plain: plain.trim() === '' ? text : plain }
}
