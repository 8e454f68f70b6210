import { type Command, InvalidArgumentError, Option } from 'commander'
import { LIMITS } from '../../core/limits.js'
import {
  DUPLICATE_PARTS,
  DUPLICATE_RELATIONS,
  type DuplicateOptions,
  type DuplicatePage,
  type DuplicateRelation,
} from '../../core/types.js'
import type { Client } from '../client.js'
import { connect } from '../connect.js'
import type { Context, Runner } from '../context.js'
import { followJob } from '../follow-job.js'
import { common, integer, jsonValue } from '../options.js'
import { textTable } from '../text-table.js'

/** Groups that are shown to people where no limit is given. */
const SHOWN = 20

interface Options extends DuplicateOptions {
  relation?: DuplicateRelation[]
  limit?: number
  latest?: boolean
}

/** `kindred duplicates COLLECTION` */
export function duplicatesCommand(program: Command, run: Runner): void {
  const command = program
    .command('duplicates')
    .description(
      'find items that are the same, nearly the same or similar, in groups with the one to keep; nothing is removed',
    )
    .argument('<collection>')
    .option(
      '--relation <kinds>',
      'exact, near, similar; with commas between (default: exact,near)',
      relationList,
    )
    .addOption(
      new Option('--by <part>', 'item (all that both have), text or image alone (default: item)').choices(
        DUPLICATE_PARTS,
      ),
    )
    .option('--text-threshold <share>', 'of near texts, 0.5 to 1 (default: 0.7)', decimal)
    .option('--image-threshold <likeness>', 'of near pictures, 0.9 to 1 (default: 0.95)', decimal)
    .option('--space <name>', 'of similar items: whose vectors are compared (default: text, else descriptor)')
    .option('--threshold <cosine>', 'of similar items, 0 to 1 (default: 0.95)', decimal)
    .option('--where <json>', 'compare only items whose metadata matches', jsonValue)
    .option('--limit <number>', `groups shown (default: ${SHOWN}, with --json all)`, integer(1))
    .option('--latest', 'show what the latest search found instead of searching')
  common(
    command,
    'kindred duplicates photos\nkindred duplicates notes --relation exact,near,similar --threshold 0.9',
  ).action((collection: string, options: Options) =>
    run(command, (context) => duplicates(context, collection, options)),
  )
}

async function duplicates(context: Context, collection: string, given: Options): Promise<undefined> {
  const {
    relation: relations,
    by,
    textThreshold,
    imageThreshold,
    space,
    threshold,
    where,
    limit,
    latest,
  } = given
  const { client, close } = await connect(context.home, { encoderThreads: 1, mustExist: true })
  try {
    if (!latest) {
      const options = { relations, by, textThreshold, imageThreshold, space, threshold, where }
      await followJob(context, client, await client.findDuplicates(collection, options))
    }
    const shown = limit ?? (context.output.json ? Number.POSITIVE_INFINITY : SHOWN)
    const answer = await readGroups(client, collection, shown)
    context.output.answer(answer, () => duplicatesText(answer, context.output.width))
  } finally {
    await close()
  }
}

/** The first groups of the latest search. */
async function readGroups(client: Client, collection: string, count: number): Promise<DuplicatePage> {
  const size = (have: number): number => Math.min(LIMITS.pageItems, count - have)
  const { cursor: next, ...answer } = await client.duplicates(collection, { limit: size(0) })
  for (let cursor = next; cursor !== undefined && answer.groups.length < count; ) {
    const page = await client.duplicates(collection, { limit: size(answer.groups.length), cursor })
    answer.groups.push(...page.groups)
    cursor = page.cursor
  }
  return answer
}

/** A table for people: under each item that is kept those that could go. */
export function duplicatesText(answer: DuplicatePage, width: number): string {
  const { items, found, groups, options } = answer
  const looked = `looked at ${items} items for ${options.relations.join(', ')} duplicates`
  if (found.groups === 0) return `${looked}: none`
  const rows = groups.flatMap(({ keep, duplicates }) => [
    ['keep', '', keep],
    ...duplicates.map(({ id, relation, score }) => [relation, score.toFixed(3), id]),
  ])
  const columns = [
    { title: '' },
    { title: 'score', align: 'right' as const },
    { title: 'id', flexible: true },
  ]
  const counts = DUPLICATE_RELATIONS.filter((relation) => found[relation] > 0)
  const could = counts.map((relation) => `${found[relation]} ${relation}`).join(', ')
  const more = found.groups > groups.length ? `; ${groups.length} shown, --limit shows more` : ''
  const lines = [
    textTable(columns, rows, width),
    `${looked}`,
    `${found.groups} groups${more}; could go: ${could}`,
  ]
  return lines.join('\n')
}

function relationList(text: string): DuplicateRelation[] {
  return text.split(',').map((part) => {
    const relation = DUPLICATE_RELATIONS.find((known) => known === part.trim())
    if (!relation) throw new InvalidArgumentError(`Use one or more of ${DUPLICATE_RELATIONS.join(', ')}.`)
    return relation
  })
}

function decimal(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('It must be a number from 0 to 1.')
  return value
}
