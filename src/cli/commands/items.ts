import type { Command } from 'commander'
import type { Include, Item } from '../../core/types.js'
import { connect } from '../connect.js'
import type { Context, Runner } from '../context.js'
import { UsageError } from '../errors.js'
import { common, includeList, integer, jsonValue } from '../options.js'
import { textTable } from '../text-table.js'

const SHOWN = 'what to show: metadata, text, vectors, anomaly (default: metadata, text)'
const DEFAULT_SHOWN: readonly Include[] = ['metadata', 'text']

interface ListOptions {
  limit?: number
  cursor?: string
  all?: boolean
  include?: Include[]
  where?: unknown
}

/** `kindred items list | get | delete` */
export function itemsCommand(program: Command, run: Runner): void {
  const group = program.command('items').description('list, get and delete the items of a collection')

  const list = group
    .command('list')
    .description('list items in the order they were first added')
    .argument('<collection>')
    .option('--limit <number>', 'items of a page (default: 100)', integer(1, 1000))
    .option('--cursor <cursor>', 'go on where the page before ended')
    .option('--where <json>', 'only items whose metadata matches', jsonValue)
    .option('--all', 'all pages; with --json one item a line')
    .option('--include <fields>', SHOWN, includeList)
  common(list, 'kindred items list notes --all --json > notes.jsonl').action(
    (collection: string, options: ListOptions) =>
      run(list, (context) => listItems(context, collection, options)),
  )

  const get = group
    .command('get')
    .description('show an item')
    .argument('<collection>')
    .argument('<id>')
    .option('--include <fields>', SHOWN, includeList)
  common(get, 'kindred items get notes git/undo.md').action(
    (collection: string, id: string, options: { include?: Include[] }) =>
      run(get, (context) => getItem(context, collection, id, options.include ?? DEFAULT_SHOWN)),
  )

  const remove = group
    .command('delete')
    .description('delete items by their ids, or all that match')
    .argument('<collection>')
    .argument('[ids...]')
    .option('--where <json>', 'all items whose metadata matches', jsonValue)
  common(
    remove,
    `kindred items delete notes git/undo.md todo.txt\nkindred items delete notes --where '{"year": {"$lt": 2000}}'`,
  ).action((collection: string, ids: string[], options: { where?: unknown }) =>
    run(remove, (context) => deleteItems(context, collection, ids, options.where)),
  )
}

async function deleteItems(
  context: Context,
  collection: string,
  ids: readonly string[],
  where: unknown,
): Promise<undefined> {
  if (ids.length > 0 === (where !== undefined)) {
    throw new UsageError('say what to delete: IDS or --where JSON, one of them')
  }
  const { client, close } = await connect(context.home, { encoderThreads: 1, mustExist: true })
  try {
    const answer = await client.deleteItems(collection, where === undefined ? { ids } : { where })
    const of = where === undefined ? ` of ${ids.length}` : ''
    context.output.answer(answer, () => `deleted ${answer.deleted}${of}`)
  } finally {
    await close()
  }
}

async function listItems(context: Context, collection: string, options: ListOptions): Promise<undefined> {
  const { output, signal } = context
  const { client, close } = await connect(context.home, { encoderThreads: 1, mustExist: true })
  try {
    const include = options.include ?? DEFAULT_SHOWN
    let cursor = options.cursor
    do {
      const page = await client.items(collection, {
        limit: options.limit ?? 100,
        cursor,
        include,
        where: options.where,
      })
      cursor = page.cursor
      if (options.all && output.json) for (const item of page.items) output.answer(item, () => '')
      else output.answer(page, () => pageText(page.items, output.width))
    } while (options.all && cursor !== undefined && !signal.aborted)
    if (cursor !== undefined) output.note(`more with: --cursor ${cursor}`)
  } finally {
    await close()
  }
}

function pageText(items: readonly Item[], width: number): string {
  if (items.length === 0) return ''
  const rows = items.map((item) => [item.id, item.text ?? JSON.stringify(item.metadata ?? {})])
  return textTable([{ title: 'id' }, { title: '', flexible: true }], rows, width)
}

async function getItem(
  context: Context,
  collection: string,
  id: string,
  include: readonly Include[],
): Promise<undefined> {
  const { client, close } = await connect(context.home, { encoderThreads: 1, mustExist: true })
  try {
    const item = await client.item(collection, id, include)
    context.output.answer(item, () => itemText(item))
  } finally {
    await close()
  }
}

function itemText(item: Item): string {
  const lines = [`id: ${item.id}`]
  for (const [key, value] of Object.entries(item.metadata ?? {}))
    lines.push(`${key}: ${JSON.stringify(value)}`)
  if (item.anomaly) lines.push(`anomaly: ${JSON.stringify(item.anomaly)}`)
  if (item.vectors) lines.push(`vectors: ${JSON.stringify(item.vectors)}`)
  if (item.text) lines.push('', item.text)
  return lines.join('\n')
}
