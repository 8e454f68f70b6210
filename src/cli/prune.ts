import { existsSync } from 'node:fs'
import { resolve, sep } from 'node:path'
import type { Client } from './client.js'

/**
 * Removes the items that were read from a file below one of the paths, where that file has gone. A path that is
 * itself not there (a disk that is not mounted, a slip of the pen) removes nothing.
 *
 * @returns how many were removed
 */
export async function pruneGone(
  client: Client,
  collection: string,
  paths: readonly string[],
): Promise<number> {
  const roots = paths.filter((path) => path !== '-' && existsSync(path)).map((path) => resolve(path))
  if (roots.length === 0) return 0
  const gone: string[] = []
  let cursor: string | undefined
  do {
    const page = await client.items(collection, { limit: PAGE, cursor, include: ['metadata'] })
    for (const { id, metadata } of page.items) {
      const path = metadata?.path
      if (typeof path === 'string' && roots.some((root) => isBelow(path, root)) && !existsSync(path))
        gone.push(id)
    }
    cursor = page.cursor
  } while (cursor !== undefined)
  let removed = 0
  for (let from = 0; from < gone.length; from += PAGE) {
    removed += (await client.deleteItems(collection, { ids: gone.slice(from, from + PAGE) })).deleted
  }
  return removed
}

const PAGE = 1000

function isBelow(path: string, root: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep)
}
