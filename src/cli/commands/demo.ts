import type { Command } from 'commander'
import { EngineError } from '../../core/errors.js'
import type { SearchAnswer } from '../../core/types.js'
import type { ReadRecord } from '../../datasets/read-record.js'
import { addRecords, type Tally } from '../add-records.js'
import type { Client } from '../client.js'
import { connect, liveServer } from '../connect.js'
import type { Context, Runner } from '../context.js'
import { ensureCollection } from '../ensure-collection.js'
import { common, integer } from '../options.js'
import { durationWords, startProgress } from '../progress.js'
import { openServer } from '../serve-home.js'
import { untilAborted } from '../until-aborted.js'

interface DemoOptions {
  host: string
  port: number
  serve: boolean
}

const COLLECTION = 'emoji'
const QUESTIONS = ['something to keep dry in the rain', 'what a doctor uses', 'a vehicle that flies']

/** `kindred demo` */
export function demoCommand(program: Command, run: Runner): void {
  const command = program
    .command('demo')
    .description('make the collection "emoji" from the set that ships, ask it something and serve it')
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <number>', 'on which port; 0 takes a free one', integer(0, 65535), 7700)
    .option('--no-serve', 'end after the sample answers')
  common(command, 'kindred demo --port 8080').action((options: DemoOptions) =>
    run(command, (context) => demo(context, options)),
  )
}

async function demo(context: Context, options: DemoOptions): Promise<undefined> {
  const live = await liveServer(context.home)
  if (live || !options.serve) {
    const { client, close } = await connect(context.home)
    try {
      await present(context, client, live?.url)
      if (live) context.output.note(`${context.home} is already served at ${live.url} (process ${live.pid})`)
    } finally {
      await close()
    }
    return
  }
  // The port is taken first: that it is in use should not be learnt after the work.
  const { client, url, close } = await openServer(context.home, options)
  try {
    await present(context, client, url)
    context.output.note('Ctrl-C stops it')
    await untilAborted(context.signal)
  } finally {
    await close()
  }
}

/** Fills the collection if it is not complete, asks the questions, tells what was found. */
async function present(context: Context, client: Client, url: string | undefined): Promise<void> {
  const added = await fill(context, client)
  const answers: { text: string; answer: SearchAnswer }[] = []
  for (const text of QUESTIONS) {
    answers.push({ text, answer: await client.search(COLLECTION, { query: { text }, k: 5 }, context.signal) })
  }
  const document = {
    ...(url === undefined ? {} : { url }),
    collection: COLLECTION,
    added,
    questions: answers.map(({ text, answer }) => ({ text, results: answer.results })),
  }
  context.output.answer(document, () =>
    [
      ...answers.map(({ text, answer }) => `“${text}”\n${answer.results.map(resultLine).join('\n')}\n`),
      url === undefined
        ? `Ask it yourself: kindred search ${COLLECTION} "something to celebrate with"`
        : `kindred serves ${url}`,
    ].join('\n'),
  )
}

function resultLine({ id, score, metadata }: SearchAnswer['results'][number]): string {
  return `  ${score.toFixed(2)}  ${String(metadata?.emoji ?? id)}  ${String(metadata?.label ?? '')}`
}

/** @returns how many emoji were added; nothing is encoded, or even read, where all are there */
async function fill(context: Context, client: Client): Promise<number> {
  const { EMOJI_COUNT, readEmoji } = await import('../../datasets/demo-sets.js')
  const { items } = await ensureCollection(client, COLLECTION)
  if (items >= EMOJI_COUNT) return 0
  const started = performance.now()
  const tally: Tally = { added: 0, unchanged: 0, failed: [] }
  const progress = await startProgress(context.output, 'reading 1,870 emoji', 'items')
  try {
    await addRecords({ client, collection: COLLECTION }, asRecords(readEmoji()), {
      signal: context.signal,
      tally,
      onBatch: () => progress.update(tally.added + tally.unchanged, EMOJI_COUNT),
    })
  } catch (error) {
    progress.stop()
    if (context.signal.aborted)
      context.output.note(
        `interrupted: added ${tally.added} emoji; these stay, and kindred demo goes on from here`,
      )
    throw error
  }
  progress.stop()
  const [failure] = tally.failed
  if (failure) throw new EngineError(failure.code, `${failure.source}: ${failure.reason}`)
  const seconds = (performance.now() - started) / 1000
  context.output.note(`added ${tally.added} emoji in ${durationWords(seconds)}`)
  return tally.added
}

async function* asRecords(items: ReturnType<typeof import('../../datasets/demo-sets.js').readEmoji>) {
  for await (const item of items) yield { item, source: item.id } satisfies ReadRecord
}
