import type { Command } from 'commander'
import type { CollectionOptions, CollectionSummary } from '../../core/types.js'
import type { Client } from '../client.js'
import { connect, isHome } from '../connect.js'
import type { Context, Runner } from '../context.js'
import { encoderPath } from '../ensure-collection.js'
import { commaList, common, jsonValue, repeated } from '../options.js'
import { textTable } from '../text-table.js'

/** `kindred collections list | show | create | index | delete` */
export function collectionsCommand(program: Command, run: Runner): void {
  const group = program.command('collections').description('list, show, create, index and delete collections')

  const list = group.command('list', { isDefault: true }).description('list all collections')
  common(list, 'kindred collections list').action(() =>
    run(list, async (context) => {
      // looking makes no home
      const answer = (collections: CollectionSummary[]): void =>
        context.output.answer({ collections }, () => listText(collections, context.output.width))
      if (isHome(context.home))
        await withClient(context, { mustExist: true }, async (client) => answer(await client.collections()))
      else answer([])
    }),
  )

  const show = group.command('show').description('show a collection and its spaces').argument('<collection>')
  common(show, 'kindred collections show notes').action((name: string) =>
    run(show, (context) =>
      withClient(context, { mustExist: true }, async (client) => {
        const summary = await client.collection(name)
        context.output.answer(summary, () => summaryText(summary, context.output.width))
      }),
    ),
  )

  const create = group
    .command('create')
    .description('make an empty collection')
    .argument('<collection>')
    .option('--encoder <name>', 'text encoder of its space "text" (see: kindred encoders list)')
    .option('--indexed <field>', 'a metadata field that filters are to find fast; repeatable', repeated)
    .option('--spaces <json>', 'its spaces, for instance [{"name":"mine","dim":384}]', jsonValue)
    .option('--keywords <paths>', 'metadata whose words are searched beside the text: title,tags', commaList)
  common(create, 'kindred collections create 日記 --encoder multilingual-e5-small').action(
    (name: string, options: CollectionOptions) =>
      run(create, (context) =>
        withClient(context, { mustExist: false }, async (client) => {
          const summary = await client.createCollection(name, {
            encoder: options.encoder === undefined ? undefined : encoderPath(options.encoder),
            spaces: options.spaces,
            keywords: options.keywords,
            ...(options.indexed ? { indexed: options.indexed } : {}),
          })
          context.output.answer(summary, () => `created ${name}`)
        }),
      ),
  )

  const index = group
    .command('index')
    .description('set which metadata fields filters are to find fast')
    .argument('<collection>')
    .argument('[fields...]', 'dotted names; none for none')
  common(index, 'kindred collections index notes year tags author.name').action(
    (name: string, fields: string[]) =>
      run(index, (context) =>
        withClient(context, { mustExist: true }, async (client) => {
          const summary = await client.setIndexed(name, fields)
          context.output.answer(summary, () => `indexed: ${summary.indexed?.join(', ') ?? 'nothing'}`)
        }),
      ),
  )

  const remove = group
    .command('delete')
    .description('delete a collection and everything in it')
    .argument('<collection>')
  common(remove, 'kindred collections delete notes').action((name: string) =>
    run(remove, (context) =>
      withClient(context, { mustExist: true }, async (client) => {
        await client.deleteCollection(name)
        context.output.answer({ deleted: name }, () => `deleted ${name}`)
      }),
    ),
  )
}

async function withClient(
  context: Context,
  { mustExist }: { mustExist: boolean },
  work: (client: Client) => Promise<void>,
): Promise<undefined> {
  const { client, close } = await connect(context.home, { encoderThreads: 1, mustExist })
  try {
    await work(client)
  } finally {
    await close()
  }
}

function listText(collections: readonly CollectionSummary[], width: number): string {
  if (collections.length === 0) return 'no collections yet; make one with: kindred add NAME PATH'
  const rows = collections.map(({ name, items, spaces }) => [
    name,
    String(items),
    spaces.map((space) => space.name).join(', '),
  ])
  return textTable(
    [{ title: 'collection' }, { title: 'items', align: 'right' }, { title: 'spaces' }],
    rows,
    width,
  )
}

function summaryText(summary: CollectionSummary, width: number): string {
  const rows = summary.spaces.map((space) => [
    space.name,
    String(space.dim),
    String(space.vectors),
    space.metrics.join(', '),
    space.encoder ?? 'your own vectors',
  ])
  const table = textTable(
    [
      { title: 'space' },
      { title: 'dim', align: 'right' },
      { title: 'vectors', align: 'right' },
      { title: 'metrics' },
      { title: 'encoder', flexible: true },
    ],
    rows,
    width,
  )
  const keywords = summary.keywords ? `\nkeywords beside the text: ${summary.keywords.join(', ')}` : ''
  const indexed = summary.indexed ? `\nindexed for filters: ${summary.indexed.join(', ')}` : ''
  return `${summary.name}: ${summary.items} items\n${table}${keywords}${indexed}`
}
