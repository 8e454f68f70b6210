import type { Command } from 'commander'
import type { OutlierAnswer, OutlierOptions } from '../../engine/outliers.js'
import { connect } from '../connect.js'
import type { Context, Runner } from '../context.js'
import { common, integer, jsonValue } from '../options.js'
import { textTable } from '../text-table.js'

/** `kindred outliers COLLECTION` */
export function outliersCommand(program: Command, run: Runner): void {
  const command = program
    .command('outliers')
    .description('list the pictures that a trained encoder knows worst')
    .argument('<collection>')
    .option('--space <name>', 'whose encoder judges (default: autoencoder, vae or pca)')
    .option('--limit <number>', 'how many (default: 10)', integer(1, 1000))
    .option('--flagged', 'only those that are flagged')
    .option('--where <json>', 'only items whose metadata matches', jsonValue)
  common(command, 'kindred outliers shirts --limit 20').action(
    (collection: string, options: OutlierOptions) =>
      run(command, (context) => outliers(context, collection, options)),
  )
}

async function outliers(
  context: Context,
  collection: string,
  { space, limit, flagged, where }: OutlierOptions,
): Promise<undefined> {
  const { client, close } = await connect(context.home, { encoderThreads: 1, mustExist: true })
  try {
    const answer = await client.outliers(collection, { space, limit, flagged, where })
    context.output.answer(answer, () => outliersText(answer, context.output.width))
  } finally {
    await close()
  }
}

/** A table for people: the strangest first. */
export function outliersText(answer: OutlierAnswer, width: number): string {
  const { outliers: found, space, threshold, scored, flagged } = answer
  const rows = found.map(({ id, score, percentile, flagged: isFlagged }, i) => [
    String(i + 1),
    score.toFixed(4),
    percentile.toFixed(1),
    isFlagged ? 'flagged' : '',
    id,
  ])
  const table = textTable(
    [
      { title: '#', align: 'right' },
      { title: 'score', align: 'right' },
      { title: 'percentile', align: 'right' },
      { title: '' },
      { title: 'id', flexible: true },
    ],
    rows,
    width,
  )
  return `${table}\n${flagged} of ${scored} are flagged: score above ${threshold.toFixed(4)} in space "${space}"`
}
