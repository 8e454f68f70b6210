import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Documents, queries, and which documents answer which query. */
export interface JudgedSet {
  name: string
  documents: { id: string; text: string }[]
  queries: { id: string; text: string /** Gain by document, above 0. */; gains: Map<string, number> }[]
}

/**
 * Cranfield: a query's number in cranqrel is its position in cran.qry, -1 is no judgement, code 1 is best and 4 weakest,
 * which makes gains of 4 to 1.
 */
export function readCranfield(folder: string): JudgedSet {
  const gains = new Map<string, Map<string, number>>()
  for (const line of readFileSync(join(folder, 'cranqrel'), 'utf8').split('\n')) {
    const [query = '', document = '', code = ''] = line.trim().split(/\s+/)
    const gain = 5 - Number(code)
    if (query !== '' && code !== '-1') add(gains, query, document, gain)
  }
  const queries = readSmart(join(folder, 'cran.qry')).map(({ text }, i) => ({ id: String(i + 1), text }))
  return judged('Cranfield', readSmart(join(folder, 'cran.all.1400')), queries, gains)
}

/** Medline: judgements are yes or no. */
export function readMedline(folder: string): JudgedSet {
  const gains = new Map<string, Map<string, number>>()
  for (const line of readFileSync(join(folder, 'MED.REL'), 'utf8').split('\n')) {
    const [query = '', , document = ''] = line.trim().split(/\s+/)
    if (query !== '') add(gains, query, document, 1)
  }
  return judged('Medline', readSmart(join(folder, 'MED.ALL')), readSmart(join(folder, 'MED.QRY')), gains)
}

/** nDCG@10 with linear gains and a logarithm of base 2, as trec_eval computes it. */
export function ndcg10(found: readonly string[], gains: ReadonlyMap<string, number>): number {
  const dcg = (values: readonly number[]): number =>
    values.slice(0, 10).reduce((sum, gain, i) => sum + gain / Math.log2(i + 2), 0)
  return dcg(found.map((id) => gains.get(id) ?? 0)) / dcg([...gains.values()].sort((a, b) => b - a))
}

function judged(
  name: string,
  documents: JudgedSet['documents'],
  queries: { id: string; text: string }[],
  gains: ReadonlyMap<string, Map<string, number>>,
): JudgedSet {
  return {
    name,
    documents: documents.filter(({ text }) => text !== ''),
    queries: queries.flatMap(({ id, text }) => {
      const known = gains.get(id)
      return known ? [{ id, text, gains: known }] : []
    }),
  }
}

/** Records of `.I number`, with the text of their `.W`. */
function readSmart(path: string): { id: string; text: string }[] {
  return readFileSync(path, 'utf8')
    .split(/^\.I\s+/m)
    .slice(1)
    .map((record) => {
      const [id = ''] = record.split('\n')
      const [, text = ''] = record.split(/^\.W\s*$/m)
      return { id: String(Number(id)), text: text.replace(/\s+/g, ' ').trim() }
    })
}

function add(gains: Map<string, Map<string, number>>, query: string, document: string, gain: number): void {
  const known = gains.get(query) ?? new Map<string, number>()
  known.set(document, Math.max(gain, known.get(document) ?? 0))
  gains.set(query, known)
}
