import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { EngineError } from '../../core/errors.js'
import { type Connection, openDatabase, sqliteCode, sqliteError } from './sqlite.js'

/** The folder that one engine at a time owns. */
export interface Home {
  readonly dir: string
  readonly databasePath: string
  /** Where index files lie: a cache that may be deleted while no engine runs. */
  readonly cacheDir: string
  /** Gives the home back. Idempotent. */
  release(): void
}

/** Locks in force. SQLite ends the lock of a connection that is garbage, so none may become that before its time. */
const locks = new Set<Connection>()

/**
 * Takes a home for this engine, making the folder if it is missing. The lock is an exclusive transaction on
 * `lock.db`, which the operating system releases with the process, however that ends.
 *
 * @throws EngineError HOME_LOCKED with the holder's pid
 * @throws EngineError HOME_NOT_WRITABLE
 */
export function takeHome(path: string): Home {
  const dir = resolve(path)
  const cacheDir = join(dir, 'cache')
  try {
    mkdirSync(cacheDir, { recursive: true })
  } catch (error) {
    throw notWritable(dir, error)
  }
  const ownerPath = join(dir, 'owner.json')
  const lock = lockHome(dir, ownerPath)
  try {
    writeFileSync(ownerPath, JSON.stringify({ pid: process.pid, since: new Date().toISOString() }))
  } catch (error) {
    lock.close()
    throw notWritable(dir, error)
  }
  let held = true
  locks.add(lock)
  return {
    dir,
    databasePath: join(dir, 'kindred.db'),
    cacheDir,
    release() {
      if (!held) return
      held = false
      rmSync(ownerPath, { force: true })
      lock.close()
      locks.delete(lock)
    },
  }
}

function lockHome(dir: string, ownerPath: string): Connection {
  const path = join(dir, 'lock.db')
  const lock = openDatabase(path, { timeoutMs: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock.close()
    if (!sqliteCode(error).startsWith('SQLITE_BUSY')) throw sqliteError(error, path)
    const pid = ownerPid(ownerPath)
    throw new EngineError(
      'HOME_LOCKED',
      `${dir} is in use by another engine${pid === undefined ? '' : ` (process ${pid})`}; ` +
        'talk to its server, stop it, or choose another --home',
      { cause: error, details: { home: dir, ...(pid === undefined ? {} : { pid }) } },
    )
  }
}

function ownerPid(path: string): number | undefined {
  try {
    const owner: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof owner === 'object' && owner !== null && 'pid' in owner && typeof owner.pid === 'number'
      ? owner.pid
      : undefined
  } catch {
    return undefined
  }
}

function notWritable(dir: string, cause: unknown): EngineError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new EngineError(
    'HOME_NOT_WRITABLE',
    `the home ${dir} cannot be written (${reason}); check its permissions or choose another with --home or KINDRED_HOME`,
    { cause },
  )
}
