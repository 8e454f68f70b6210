import { type Command, Option } from 'commander'
import { SEARCH_MODES, type SearchAnswer, type SearchRequest, type SearchResult } from '../../core/types.js'
import { FUSIONS } from '../../query/fusion.js'
import { connect } from '../connect.js'
import type { Context, Runner } from '../context.js'
import { UsageError } from '../errors.js'
import { explainText } from '../explain-text.js'
import { facetsText } from '../facets-text.js'
import type { MarkedText } from '../marked-text.js'
import {
  between,
  common,
  includeList,
  integer,
  jsonValue,
  number,
  readBase64,
  readStdin,
  repeated,
} from '../options.js'
import { textTable } from '../text-table.js'

interface SearchOptions {
  like?: string[]
  unlike?: string[]
  image?: string
  space?: string
  metric?: string
  k?: number
  where?: unknown
  mode?: string
  alpha?: number
  fusion?: string
  exact?: boolean
  ef?: number
  include?: SearchRequest['include']
  targetRecall?: number
  facet?: string[]
  explain?: boolean
  minScore?: number
  maxDistance?: number
  offset?: number
  cursor?: string
  groupBy?: string
  groupSize?: number
  diversity?: number
}

/** `kindred search COLLECTION [TEXT]` */
export function searchCommand(program: Command, run: Runner): void {
  const command = program
    .command('search')
    .description('find what means the same as a text and has its words, or is like an item')
    .argument('<collection>')
    .argument(
      '[text...]',
      'what to look for, also "quoted phrases", -excluded words and prefix*; "-" reads it from standard input',
    )
    .option('--like <id>', 'look for what is like this item; repeatable', repeated)
    .option('--unlike <id>', 'and less like this one; repeatable', repeated)
    .option('--image <file>', 'look for what looks like this picture')
    .option('--space <name>', 'where to look (default: text; for pictures descriptor)')
    .option('--metric <name>', 'cosine, euclidean or dot (default: the first that the space declares)')
    .option('-k <number>', 'how many items (default: 10)', integer(1))
    .option('--where <json>', 'only items whose metadata matches', jsonValue)
    .addOption(
      new Option(
        '--mode <mode>',
        'by words and meaning, by meaning, or by words (default: hybrid for a text)',
      ).choices([...SEARCH_MODES]),
    )
    .option('--alpha <number>', 'weight of meaning in a hybrid search, 0 to 1 (default: 0.5)', between(0, 1))
    .addOption(
      new Option('--fusion <kind>', 'how a hybrid search joins its lists (default: rrf)').choices([
        ...FUSIONS,
      ]),
    )
    .option('--exact', 'compare with every vector instead of asking the index')
    .option('--ef <number>', 'breadth of the index search: larger finds more and takes longer', integer(1))
    .option('--include <fields>', 'what to show: metadata, text, vectors, anomaly', includeList)
    .option(
      '--target-recall <part>',
      'what part of the true nearest to find: 0.9 to 0.999 (default: 0.99)',
      between(0.9, 0.999),
    )
    .option('--facet <field>', 'count the values of a field among all that match; repeatable', repeated)
    .option('--min-score <number>', 'only what scores at least so much', number)
    .option('--max-distance <number>', 'only what is so near, of a search by vectors alone', number)
    .option(
      '--offset <number>',
      'pass over the first so many; 0 begins the first of several pages',
      integer(0),
    )
    .option('--cursor <cursor>', 'go on where the page before ended')
    .option('--group-by <field>', 'the best of each value of a metadata field')
    .option('--group-size <number>', 'how many of each value (default: 1)', integer(1))
    .option('--diversity <number>', 'how different the results are to be, 0 to 1 (default: 0)', between(0, 1))
    .option('--explain', 'tell how the answer was found')
  common(
    command,
    'kindred search notes "how do I undo a commit" -k 5\nkindred search notes \'"last commit" revert* -svn\'\nkindred search shirts --image query.jpg\nkindred search shirts --like red --like striped --unlike worn',
  ).action((collection: string, words: string[], options: SearchOptions) =>
    run(command, (context) => search(context, collection, words, options)),
  )
}

async function search(
  context: Context,
  collection: string,
  words: readonly string[],
  options: SearchOptions,
): Promise<undefined> {
  const request = await requestOf(context, words, options)
  const { client, close } = await connect(context.home, { encoderThreads: 1, mustExist: true })
  try {
    const answer = await client.search(collection, request, context.signal)
    const { output } = context
    output.answer(answer, () => {
      const { width, showsMarks } = output
      const table = answerText(answer, width, { marks: showsMarks, percentiles: options.explain })
      const parts = [matchText(answer), table, facetsText(answer.facets ?? {})]
      if (options.explain) parts.push(explainText(answer))
      return parts.filter((part) => part !== '').join('\n\n')
    })
    if (answer.cursor !== undefined) output.note(`more with: --cursor ${answer.cursor}`)
  } finally {
    await close()
  }
}

async function requestOf(
  { stdin }: Context,
  words: readonly string[],
  options: SearchOptions,
): Promise<unknown> {
  const { like = [], unlike = [], image, space, metric, k, where, mode, alpha, fusion, exact, ef } = options
  const { facet: facets, targetRecall, include } = options
  const { minScore, maxDistance, offset, cursor, groupBy, groupSize, diversity } = options
  const kinds = [words.length > 0, like.length > 0, image !== undefined].filter(Boolean).length
  const examples = unlike.length > 0 || like.length > 1
  if (examples ? kinds === 0 : kinds !== 1) throw new UsageError(WHAT_TO_LOOK_FOR)
  const shape = { minScore, maxDistance, offset, cursor, groupBy, groupSize, diversity }
  const rest = { space, metric, mode, alpha, fusion, k, where, exact, ef, targetRecall, include, facets }
  const text = words.join(' ')
  const positive = [
    ...(text === '' ? [] : [{ text: text === '-' ? (await readStdin(stdin)).trim() : text }]),
    ...like.map((id) => ({ id })),
    ...(image === undefined ? [] : [{ image: await readBase64(image) }]),
  ]
  const query = examples ? { positive, negative: unlike.map((id) => ({ id })) } : positive[0]
  // a command asks once: what is made behind the first search would never be seen
  return { query, ...rest, ...shape, calibrated: true }
}

const WHAT_TO_LOOK_FOR =
  'say what to look for: a TEXT, --like ID or --image FILE, one of them; with --unlike ID or several --like, at least one'

/** A table for people: the best first, what was found shortened to the width, with the words of the query marked. */
export function answerText(
  answer: SearchAnswer,
  width: number,
  { marks = false, percentiles = false }: { marks?: boolean; percentiles?: boolean } = {},
): string {
  if (answer.results.length === 0) return 'nothing found'
  const grouped = answer.results.some(({ group }) => group !== undefined)
  const rows = answer.results.map((result, i) => [
    String(i + 1),
    result.score.toFixed(3),
    ...(grouped ? [String(result.group)] : []),
    ...(percentiles ? [result.percentile?.toFixed(1) ?? ''] : []),
    result.id,
    marks ? markedText(result) : shownText(result),
  ])
  return textTable(
    [
      { title: '#', align: 'right' },
      { title: 'score', align: 'right' },
      ...(grouped ? [{ title: 'group' }] : []),
      ...(percentiles ? [{ title: 'percentile', align: 'right' as const }] : []),
      { title: 'id' },
      { title: '', flexible: true },
    ],
    rows,
    width,
  )
}

/** Says so where nothing found is a good match. */
function matchText({ match, results }: SearchAnswer): string {
  return match === 'none' && results.length > 0 ? 'no good match; the nearest are' : ''
}

const LABELS = ['title', 'name', 'class', 'label']

/** What tells best what an item is: its passage, its text, its label. */
export function shownText(result: SearchResult): string {
  const found = LABELS.map((key) => result.metadata?.[key]).find(
    (value) => typeof value === 'string' || typeof value === 'number',
  )
  const label = String(found ?? '')
  const text = result.passage ?? result.text ?? ''
  if (text.startsWith(label)) return text
  return text === '' ? label : `${label}: ${text}`
}

/** The same with the words of the query. */
function markedText(result: SearchResult): MarkedText {
  const text = shownText(result)
  const [highlight] = result.highlights ?? []
  const shift = highlight ? text.lastIndexOf(highlight.text) : -1
  if (!highlight || shift < 0) return { text, marks: [] }
  return { text, marks: highlight.marks.map(([start, end]) => [start + shift, end + shift] as const) }
}
