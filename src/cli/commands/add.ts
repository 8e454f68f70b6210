import type { Command } from 'commander'
import { EngineError } from '../../core/errors.js'
import type { ItemReading, ReadSize } from '../../datasets/read-items.js'
import type { ReadRecord } from '../../datasets/read-record.js'
import { addRecords, type Tally } from '../add-records.js'
import type { Client } from '../client.js'
import { connect } from '../connect.js'
import type { Context, Runner } from '../context.js'
import { ensureCollection } from '../ensure-collection.js'
import { EXIT, UsageError } from '../errors.js'
import { followJob } from '../follow-job.js'
import { commaList, common } from '../options.js'
import { durationWords, rateWords, startProgress } from '../progress.js'
import { pruneGone } from '../prune.js'
import { renderRecords } from '../render-records.js'
import { begin, vectorColumns } from '../vector-columns.js'

interface AddOptions {
  encoder?: string
  keywords?: string[]
  format?: string
  idColumn?: string
  textColumn?: string
  vectorColumns?: string[]
  prune?: boolean
}

/** What an add did. */
interface Report extends Tally {
  collection: string
  /** Content that came twice in this run, without an id of its own. */
  repeated: number
  removed: number
  /** Files in folders that are of kinds not read there, by extension. */
  ignored: Record<string, number>
  /** What made vectors, in order; only with --vector-columns. */
  columns?: readonly string[]
  seconds: number
  interrupted: boolean
}

/** `kindred add COLLECTION PATH…|-` */
export function addCommand(program: Command, run: Runner): void {
  const command = program
    .command('add')
    .description('add texts, pictures, tables; what has not changed is skipped')
    .argument('<collection>', 'made if it is missing')
    .argument(
      '<paths...>',
      'folders of texts (.txt, .md) and pictures (.png, .jpg, .webp, .gif, .avif), IDX files, .jsonl, .csv; "-" reads standard input',
    )
    .option('--encoder <name>', 'text encoder of a collection that is made')
    .option(
      '--keywords <paths>',
      'metadata whose words are searched beside the text, of a collection that is made: title,tags',
      commaList,
    )
    .option('--format <format>', 'how to read what is named: text, lines, jsonl, csv, tsv, image or idx')
    .option('--id-column <name>', 'which field or column is the id (default: id, else a hash)')
    .option('--text-column <name>', 'which field or column is the text (default: text, content, body, …)')
    .option(
      '--vector-columns <names>',
      'columns of numbers (fields of .jsonl) that make each item\'s vector in the space "columns": a,b,c, or all',
      commaList,
    )
    .option('--prune', 'remove items whose file under these paths has gone')
  common(
    command,
    'kindred add notes ~/notes\nkindred add shirts ./photos\nkindred add faq questions.csv --text-column question\nkindred add houses houses.csv --vector-columns rooms,area,price\ncat log.txt | kindred add log -',
  ).action((collection: string, paths: string[], options: AddOptions) =>
    run(command, (context) => add(context, collection, paths, options)),
  )
}

async function add(
  context: Context,
  collection: string,
  paths: readonly string[],
  options: AddOptions,
): Promise<number> {
  const stdin = paths.includes('-') ? context.stdin() : undefined
  if (stdin?.isTTY) throw new UsageError('"-" reads standard input, but nothing is piped into it')
  const { output, signal } = context
  const { format, idColumn, textColumn } = options
  const columns = vectorColumns(options.vectorColumns)
  const { readItems } = await import('../../datasets/read-items.js')
  const reading = readItems(paths, { format, idColumn, textColumn, vectorColumns: columns, stdin, signal })
  const size = await reading.size()
  const started = performance.now()
  const report: Report = {
    collection,
    added: 0,
    unchanged: 0,
    failed: [],
    repeated: 0,
    removed: 0,
    ignored: size.ignored,
    seconds: 0,
    interrupted: false,
  }
  if (size.files === 0 && !options.prune) return nothingToRead(context, reading, report)
  const { client, server, close } = await connect(context.home)
  const { ImageWorkers } = await import('../../images/image-workers.js')
  const images = ImageWorkers.create()
  const progress = await startProgress(output, 'adding', 'items')
  let bytesDone = 0
  try {
    const { records, made } = await prepare(client, collection, reading, options)
    await addRecords({ client, collection }, renderRecords(records, images, signal), {
      signal,
      tally: report,
      onBatch: (bytes) => {
        bytesDone += bytes
        progress.update(report.added + report.unchanged, 0, fractionOf(bytesDone, reading.bytesRead, size))
      },
    })
    if (options.prune && made) report.removed = await pruneGone(client, collection, paths)
    progress.stop()
    // an engine of this process ends with it, and would cancel what the new pictures made it begin
    if (!server) await followRefits(context, client, collection)
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'CANCELLED' || !signal.aborted)
      throw withProgress(error, report)
    report.interrupted = true
  } finally {
    progress.stop()
    await images.close()
    await close()
  }
  report.repeated = reading.repeated
  if (columns !== undefined && reading.vectorColumns) report.columns = reading.vectorColumns
  report.seconds = Math.round((performance.now() - started) / 100) / 10
  return tell(context, report)
}

/**
 * Makes the collection, or sees that it agrees, and gives what is to be added. Where columns make vectors, the first rows are
 * read before; where there is nothing to add, no collection is made.
 */
async function prepare(
  client: Client,
  collection: string,
  reading: ItemReading,
  { encoder, keywords, vectorColumns: asked }: AddOptions,
): Promise<{ records: AsyncIterable<ReadRecord>; made: boolean }> {
  if (asked === undefined) {
    await ensureCollection(client, collection, { encoder, keywords })
    return { records: reading, made: true }
  }
  const { hasText, records, close } = await begin(reading)
  const names = reading.vectorColumns
  if (hasText === undefined || names === undefined) return { records, made: false }
  try {
    await ensureCollection(client, collection, { encoder, keywords, columns: { names, withText: hasText } })
  } catch (error) {
    await close()
    throw error
  }
  return { records, made: true }
}

/** Waits until the descriptor is fitted to what was added, as often as that asks for it. */
async function followRefits(context: Context, client: Client, collection: string): Promise<void> {
  for (;;) {
    const jobs = await client.jobs()
    const refit = jobs.find(
      (job) => job.kind === 'refit' && job.collection === collection && job.state === 'running',
    )
    if (!refit) return
    await followJob(context, client, refit)
  }
}

/** Where no file was found, no collection is made either. */
async function nothingToRead(context: Context, reading: ItemReading, report: Report): Promise<number> {
  for await (const record of reading) if ('skipped' in record) report.failed.push(record.skipped)
  return tell(context, report)
}

function tell(context: Context, report: Report): number {
  const { output } = context
  tellFailures(context, report)
  output.answer(report, () => summary(report))
  if (report.interrupted) return EXIT.interrupted
  return report.failed.length > 0 ? EXIT.failed : EXIT.done
}

/**
 * How much of the work is done. Small files are read at once, long before their items are encoded; large ones may be
 * larger than their items: the smaller of both is nearer to the truth.
 */
function fractionOf(done: number, read: number, { bytes }: ReadSize): number | undefined {
  return bytes ? Math.min(done, read) / bytes : undefined
}

const SHOWN_FAILURES = 20

function tellFailures({ output }: Context, { failed, ignored }: Report): void {
  for (const { source, reason } of failed.slice(0, SHOWN_FAILURES)) output.note(`failed ${source}: ${reason}`)
  if (failed.length > SHOWN_FAILURES)
    output.note(`… and ${failed.length - SHOWN_FAILURES} more (--json tells all)`)
  const others = Object.entries(ignored)
  if (others.length === 0) return
  const kinds = others.map(([type, count]) => `${type || 'no extension'} ${count}`).join(', ')
  output.note(`passed over in folders, being of other kinds: ${kinds}`)
}

/** `added 120, unchanged 30, failed 2 in 3.1 s (39 items/s)` */
function summary(report: Report): string {
  const { added, unchanged, failed, repeated, removed, columns, seconds, interrupted } = report
  const counts = [`added ${added}`, `unchanged ${unchanged}`, `failed ${failed.length}`]
  if (repeated > 0) counts.push(`repeated ${repeated}`)
  if (removed > 0) counts.push(`removed ${removed}`)
  const rate = added > 0 && seconds > 0 ? ` (${rateWords(added / seconds)} items/s)` : ''
  const vector = columns ? `; vectors of ${columns.length} columns: ${shortened(columns.join(', '))}` : ''
  const line = `${counts.join(', ')} in ${durationWords(seconds)}${rate}${vector}`
  return interrupted ? `interrupted: ${line}; these stay, and the same command goes on from here` : line
}

function shortened(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

/** The same error, telling what had been acknowledged by then. */
function withProgress(error: unknown, { added, unchanged }: Report): unknown {
  if (!(error instanceof EngineError) || added + unchanged === 0) return error
  const message = `${error.message} (before that: added ${added}, unchanged ${unchanged}; these stay)`
  return new EngineError(error.code, message, {
    cause: error.cause,
    details: { ...error.details, added, unchanged },
  })
}
