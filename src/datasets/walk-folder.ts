import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../core/errors.js'
import { type Skipped, skippedBy } from './read-record.js'

export interface WalkedFile {
  path: string
  /** From the folder that was walked, with `/`. */
  relative: string
  bytes: number
}

export interface Walked {
  files: WalkedFile[]
  /** Relative paths of what was not wanted. */
  others: string[]
  /** Wanted files and folders that cannot be read. */
  skipped: Skipped[]
}

interface Folder {
  path: string
  /** Ends with `/`; empty at the top. */
  prefix: string
}

/**
 * Lists the files below a folder. Entries whose name begins with `.`, and `node_modules`, are passed over. Links are
 * followed, each real folder once: under its own path if it has one here, else under its first link's.
 *
 * @param wanted by file name
 */
export async function walkFolder(root: string, wanted: (name: string) => boolean): Promise<Walked> {
  const walked: Walked = { files: [], others: [], skipped: [] }
  const visited = new Set<string>()
  const folders: Folder[] = [{ path: root, prefix: '' }]
  const linked: Folder[] = []
  for (;;) {
    const folder = folders.pop() ?? linked.shift()
    if (folder === undefined) return walked
    try {
      const { dev, ino } = await stat(folder.path, { bigint: true })
      const key = `${dev}:${ino}`
      if (visited.has(key)) continue
      visited.add(key)
      await listFolder(folder, { walked, folders, linked, wanted })
    } catch (error) {
      walked.skipped.push(skippedBy(error, folder.path).skipped)
    }
  }
}

async function listFolder(
  folder: Folder,
  to: { walked: Walked; folders: Folder[]; linked: Folder[]; wanted: (name: string) => boolean },
): Promise<void> {
  const entries = await readdir(folder.path, { withFileTypes: true })
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue
    const path = join(folder.path, entry.name)
    const relative = folder.prefix + entry.name
    const inside = { path, prefix: `${relative}/` }
    if (entry.isDirectory()) to.folders.push(inside)
    else if (!to.wanted(entry.name) && !entry.isSymbolicLink()) to.walked.others.push(relative)
    else {
      try {
        const stats = await stat(path)
        if (stats.isDirectory()) to.linked.push(inside)
        else if (!to.wanted(entry.name)) to.walked.others.push(relative)
        else if (stats.isFile()) to.walked.files.push({ path, relative, bytes: stats.size })
        else throw new EngineError('FILE_UNREADABLE', 'it is not a regular file')
      } catch (error) {
        if (to.wanted(entry.name)) to.walked.skipped.push(explain(error, path))
        else to.walked.others.push(relative)
      }
    }
  }
}

/** Names that are not UTF-8 come with U+FFFD in them, and then cannot be found. */
function explain(error: unknown, path: string): Skipped {
  const { skipped } = skippedBy(error, path)
  const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
  return missing && path.includes('\ufffd')
    ? { ...skipped, reason: 'its name is not valid UTF-8; rename it' }
    : skipped
}
