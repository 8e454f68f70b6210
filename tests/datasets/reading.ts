import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import type { ItemInput } from '#src/core/types.js'
import { type ReadOptions, readItems } from '#src/datasets/read-items.js'
import type { Skipped } from '#src/datasets/read-record.js'

/** A folder of the test's own with these files; `remove` takes it away. */
export function makeFolder(files: Record<string, string | Uint8Array>): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'kindred-datasets-'))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), content)
  }
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export interface ReadAll {
  items: ItemInput[]
  sources: string[]
  skipped: Skipped[]
}

/** Reads to the end. */
export async function readAll(paths: readonly string[], options?: ReadOptions): Promise<ReadAll> {
  const all: ReadAll = { items: [], sources: [], skipped: [] }
  for await (const record of readItems(paths, options)) {
    if ('skipped' in record) all.skipped.push(record.skipped)
    else {
      all.items.push(record.item)
      all.sources.push(record.source)
    }
  }
  return all
}

/** Reads these bytes as standard input, in pieces of `piece` bytes. */
export function readInput(
  content: string | Uint8Array,
  options: ReadOptions & { piece?: number } = {},
): Promise<ReadAll> {
  return readAll(['-'], { ...options, stdin: Readable.from(pieces(content, options.piece ?? 7)) })
}

function* pieces(content: string | Uint8Array, size: number): Generator<Uint8Array> {
  const bytes = Buffer.from(content)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
