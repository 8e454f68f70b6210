import { randomUUID } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Where a home's running server is to be found, kept in HOME/server.json. */
export interface ServerRecord {
  url: string
  pid: number
  /** Only if the server asks for one. */
  token?: string
  /** ISO 8601. */
  startedAt: string
}

/** Writes the record whole or not at all; only its owner may read it. */
export async function writeServerRecord(home: string, record: ServerRecord): Promise<void> {
  const temporary = join(home, `server.json.${randomUUID()}`)
  await writeFile(temporary, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  await rename(temporary, recordPath(home))
}

/** The record of the home, which a server that was killed may have left behind; undefined without a readable one. */
export async function readServerRecord(home: string): Promise<ServerRecord | undefined> {
  try {
    const record: unknown = JSON.parse(await readFile(recordPath(home), 'utf8'))
    return isRecord(record) ? record : undefined
  } catch {
    return undefined
  }
}

/** Takes the record away if it is still this server's. */
export async function removeServerRecord(home: string, { startedAt, pid }: ServerRecord): Promise<void> {
  const current = await readServerRecord(home)
  if (current?.pid === pid && current.startedAt === startedAt) await rm(recordPath(home), { force: true })
}

function recordPath(home: string): string {
  return join(home, 'server.json')
}

function isRecord(value: unknown): value is ServerRecord {
  if (typeof value !== 'object' || value === null) return false
  const { url, pid, token, startedAt } = value as Partial<Record<keyof ServerRecord, unknown>>
  const strings = typeof url === 'string' && typeof startedAt === 'string'
  return strings && typeof pid === 'number' && (token === undefined || typeof token === 'string')
}
