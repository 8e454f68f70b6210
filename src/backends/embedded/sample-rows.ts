import type { Random } from '../../core/random.js'

/** What is asked of a table of vectors. */
interface RowTable {
  readonly rows: number
  isLive(row: number): boolean
  itemAt(row: number): number
}

/**
 * Draws live rows of different items. Of a large table rows are tried at random; where after a few tries for each there
 * are not enough, because most rows are dead or of the same items, the rest is taken from a random row onwards.
 *
 * @returns `count` rows, fewer only if no more items have any
 */
export function sampleRows(table: RowTable, count: number, random: Random): number[] {
  const rows: number[] = []
  const items = new Set<number>()
  const take = (row: number): void => {
    if (!table.isLive(row)) return
    const item = table.itemAt(row)
    if (items.has(item)) return
    items.add(item)
    rows.push(row)
  }
  if (table.rows <= 2 * count) {
    const order = Array.from({ length: table.rows }, (_, row) => ({ row, at: random.uniform() }))
    for (const { row } of order.sort((a, b) => a.at - b.at)) if (rows.length < count) take(row)
    return rows
  }
  for (let tries = 4 * count; tries > 0 && rows.length < count; tries--) take(random.int(table.rows))
  const from = random.int(table.rows)
  for (let i = 0; i < table.rows && rows.length < count; i++) take((from + i) % table.rows)
  return rows
}
