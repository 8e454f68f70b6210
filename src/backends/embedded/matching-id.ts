import { conditionsOf } from '../../core/filter.js'
import type { FilterQuestion, MatchingKeys } from './filter-messages.js'
import { filterPatience } from './filter-patience.js'
import type { SqlValue } from './filter-sql.js'
import { conditionOf } from './item-scan.js'
import type { Connection } from './sqlite.js'

/**
 * Sees whether items that were found to match match still: those that were written since are compared again. To be called
 * in the transaction in which they must match.
 *
 * @returns tells the id of the item of a key, where it is there and matches; throws INVALID_FILTER where all calls
 * together take too long
 */
export function matchingId(
  db: Connection,
  collection: number,
  { question, seq }: { question: FilterQuestion } & Pick<MatchingKeys, 'seq'>,
): (key: number) => string | undefined {
  const { sql, parameters } = conditionOf(question)
  // an item's judgement may have become another though the item did not
  const judged = conditionsOf(question.filter).some(({ field }) => field.kind === 'anomaly')
  const statement = db
    .prepare<[Record<string, SqlValue>], string>(
      `SELECT id FROM items WHERE key = @key AND collection = @collection
       AND CASE WHEN revision <= @seq THEN 1 ELSE ${sql} END`,
    )
    .pluck()
  const bear = filterPatience('where')
  return (key) => {
    bear()
    return statement.get({ ...parameters, key, collection, seq: judged ? 0 : seq })
  }
}
