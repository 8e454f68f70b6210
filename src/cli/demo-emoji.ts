import type { ItemInput, SearchAnswer } from '../core/types.js'
import type { ReadRecord } from '../datasets/read-record.js'
import type { Client } from './client.js'
import type { Context } from './context.js'
import { fillDemo } from './fill-demo.js'

const COLLECTION = 'emoji'
const QUESTIONS = ['something to keep dry in the rain', 'what a doctor uses', 'a vehicle that flies']

/** @returns how many emoji were added; nothing is encoded, or even read, where all are there */
export async function fillEmoji(context: Context, client: Client): Promise<number> {
  const { EMOJI_COUNT, readEmoji } = await import('../datasets/demo-sets.js')
  return fillDemo(context, client, {
    collection: COLLECTION,
    count: EMOJI_COUNT,
    unit: 'emoji',
    keywords: ['labelJa', 'tagsJa'],
    read: () => asRecords(readEmoji()),
  })
}

/** Asks the collection a few questions. */
export async function askEmoji(
  context: Context,
  client: Client,
): Promise<{ document: Record<string, unknown>; text: string }> {
  context.output.phase(`asking "${COLLECTION}" ${QUESTIONS.length} questions`)
  const answers: { text: string; answer: SearchAnswer }[] = []
  for (const text of QUESTIONS) {
    answers.push({ text, answer: await client.search(COLLECTION, { query: { text }, k: 5 }, context.signal) })
  }
  return {
    document: {
      collection: COLLECTION,
      questions: answers.map(({ text, answer }) => ({ text, results: answer.results })),
    },
    text: answers
      .map(({ text, answer }) => `“${text}”\n${answer.results.map(resultLine).join('\n')}\n`)
      .join('\n'),
  }
}

function resultLine({ id, score, metadata }: SearchAnswer['results'][number]): string {
  return `  ${score.toFixed(2)}  ${String(metadata?.emoji ?? id)}  ${String(metadata?.label ?? '')}`
}

async function* asRecords(items: AsyncIterable<ItemInput>): AsyncGenerator<ReadRecord> {
  for await (const item of items) yield { item, source: item.id }
}
