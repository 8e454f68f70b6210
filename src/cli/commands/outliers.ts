import { type Command, Option } from 'commander'
import type { DetectOptions, OutlierAnswer, OutlierOptions } from '../../core/types.js'
import type { Client } from '../client.js'
import { connect } from '../connect.js'
import type { Context, Runner } from '../context.js'
import { UsageError } from '../errors.js'
import { explainOutliers } from '../explain-outliers.js'
import { followJob } from '../follow-job.js'
import { common, integer, jsonValue, number } from '../options.js'
import { StagedFolder } from '../staged-folder.js'
import { textTable } from '../text-table.js'

interface Options extends Omit<OutlierOptions, 'against'> {
  against?: string
  againstWhere?: unknown
  refit?: boolean
  explain?: string
  fine?: string[]
  strange?: string[]
  forget?: string[]
}

/** `kindred outliers COLLECTION` */
export function outliersCommand(program: Command, run: Runner): void {
  const command = program
    .command('outliers')
    .description('list the strangest items, with what each detector says of them')
    .argument('<collection>')
    .option(
      '--space <name>',
      'whose vectors are judged (default: of pictures, a descriptor made for it; else text, else the first)',
    )
    .option('--limit <number>', 'how many (default: 10)', integer(1, 1000))
    .option('--flagged', 'only those that are flagged')
    .option('--where <json>', 'only items whose metadata matches', jsonValue)
    .addOption(
      new Option(
        '--reference <kind>',
        'clean: the collection is all normal; mixed: it may hold strangers (default: mixed)',
      ).choices(['clean', 'mixed']),
    )
    .option('--rate <part>', 'the part of normal items that may be flagged (default: 0.01)', number)
    .option('--fdr <part>', 'instead: the part of flagged items that may be normal', number)
    .option('--detector <name>', 'order by one detector instead of the joint verdict')
    .option('--against <collection>', 'judge by what is normal in another collection')
    .option('--against-where <json>', 'of it, only items that match', jsonValue)
    .option('--explain <folder>', 'write why into a folder: reasons, and pictures of where they differ')
    .option('--refit', 'fit the detectors again first')
    .option('--fine <ids...>', 'say that these items are fine: they are not flagged any more')
    .option('--strange <ids...>', 'say that these are strange: they are flagged')
    .option('--forget <ids...>', 'take back what was said of these')
  common(command, 'kindred outliers shirts --rate 0.005 --flagged').action(
    (collection: string, options: Options) =>
      run(command, (context) => outliers(context, collection, options)),
  )
}

async function outliers(context: Context, collection: string, options: Options): Promise<undefined> {
  const { fine, strange, forget, refit, against, againstWhere, explain } = options
  const { space, limit, flagged, where, reference, rate, fdr, detector } = options
  const asked = { space, limit, flagged, where, reference, rate, fdr, detector }
  if (againstWhere !== undefined && against === undefined) {
    throw new UsageError('--against-where is of another collection: name it with --against')
  }
  const odd = (['flagged', 'where', 'detector', 'refit'] as const).find((name) => options[name] !== undefined)
  if (against !== undefined && odd !== undefined) {
    throw new UsageError(`--${odd} is of items that are judged among their own, not --against others`)
  }
  if (explain !== undefined && against !== undefined) {
    throw new UsageError('--explain is of items that are judged among their own, not --against others')
  }
  const { client, close } = await connect(context.home, { encoderThreads: 1, mustExist: true })
  let folder: StagedFolder | undefined
  try {
    // before anything that is kept or takes long
    if (explain !== undefined) folder = await StagedFolder.open(explain)
    if (fine) await client.correct(collection, fine, 'fine')
    if (strange) await client.correct(collection, strange, 'strange')
    if (forget) await client.correct(collection, forget, null)
    if (against === undefined) await fitWhereNeeded(context, client, collection, asked, refit === true)
    const beside = againstWhere === undefined ? against : { collection: against ?? '', where: againstWhere }
    const answer = await client.outliers(collection, { ...asked, against: beside })
    if (folder) await explainOutliers(context, client, { collection, answer, folder })
    context.output.answer(answer, () => outliersText(answer, context.output.width))
  } finally {
    await folder?.discard()
    await close()
  }
}

/** Fits the detectors under a progress bar, where the answer would have to wait for it. */
async function fitWhereNeeded(
  context: Context,
  client: Client,
  collection: string,
  { space, reference, rate, fdr }: OutlierOptions,
  refit: boolean,
): Promise<void> {
  const known = await client.detections(collection, space)
  const current = known.find(({ state }) => state === 'current')
  if (current && !refit && (reference === undefined || current.settings.reference === reference)) return
  const kept = current?.settings as DetectOptions & { flags?: DetectOptions }
  const asked: DetectOptions = {
    ...{ space, reference: reference ?? kept?.reference },
    ...(rate === undefined && fdr === undefined ? kept?.flags : { rate, fdr }),
    ...(kept?.where === undefined ? {} : { where: kept.where }),
    ...(kept?.seed === undefined ? {} : { seed: kept.seed }),
  }
  await followJob(context, client, await client.detect(collection, asked))
}

/** A table for people: the strangest first. */
export function outliersText(answer: OutlierAnswer, width: number): string {
  const { outliers: found, space, threshold, falseAlarms, scored, flagged, notes } = answer
  const rows = found.map(({ id, pValue, flagged: isFlagged, correction, detectors = {} }, i) => [
    String(i + 1),
    pValue === undefined ? '' : shownShare(pValue),
    correction ? `${correction} (said)` : isFlagged ? 'flagged' : '',
    id,
    objections(detectors),
  ])
  const table = textTable(
    [
      { title: '#', align: 'right' },
      { title: 'p', align: 'right' },
      { title: '' },
      { title: 'id' },
      { title: 'strange to', flexible: true },
    ],
    rows,
    width,
  )
  const rule =
    threshold.fdr === undefined
      ? `p at most ${shownShare(threshold.pValue)}`
      : `false discovery rate ${shownShare(threshold.fdr)}`
  const lines = [table, `${flagged} of ${scored} are flagged (${rule}) in space "${space}"`]
  if (falseAlarms) {
    const [low, high] = [falseAlarms.low, falseAlarms.high].map(shownShare)
    lines.push(
      `false alarms: ${shownShare(falseAlarms.expected)} of normal items expected, ${low} to ${high}`,
    )
  }
  for (const note of notes) lines.push(`note: ${note}`)
  return lines.join('\n')
}

/** The detectors that find an item stranger than 95 % of normal ones, the surest first. */
function objections(detectors: Record<string, { pValue: number }>): string {
  return Object.entries(detectors)
    .filter(([, { pValue }]) => pValue <= 0.05)
    .sort(([, a], [, b]) => a.pValue - b.pValue)
    .map(([name]) => name)
    .join(', ')
}

function shownShare(part: number): string {
  return part >= 0.001 ? String(Number(part.toPrecision(2))) : part.toExponential(0)
}
