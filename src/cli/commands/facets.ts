import type { Command } from 'commander'
import { connect } from '../connect.js'
import type { Runner } from '../context.js'
import { facetsText } from '../facets-text.js'
import { common, integer, jsonValue } from '../options.js'

/** `kindred facets COLLECTION [FIELD…]` */
export function facetsCommand(program: Command, run: Runner): void {
  const command = program
    .command('facets')
    .description('count the items that match, and the most frequent values of metadata fields')
    .argument('<collection>')
    .argument('[fields...]', 'dotted names; none counts matches alone')
    .option('--where <json>', 'only items whose metadata matches', jsonValue)
    .option('--limit <number>', 'values of each field (default: 10)', integer(1, 1000))
  common(command, `kindred facets notes tags author.name --where '{"year": {"$gte": 2000}}'`).action(
    (collection: string, fields: string[], { where, limit }: { where?: unknown; limit?: number }) =>
      run(command, async ({ home, output }) => {
        const { client, close } = await connect(home, { encoderThreads: 1, mustExist: true })
        try {
          const answer = await client.facets(collection, { fields, where, limit })
          output.answer(answer, () => {
            const parts = [`${answer.matches} items match`, facetsText(answer.facets)]
            return parts.filter((part) => part !== '').join('\n\n')
          })
        } finally {
          await close()
        }
      }),
  )
}
