import { createRequire } from 'node:module'
import type Database from 'better-sqlite3'
import { EngineError } from '../../core/errors.js'

/**
 * better-sqlite3 12 lets Node 24.19 and later abort whenever one of its objects is garbage; 13 does not, ships compiled,
 * but needs Node-API 10, which Node 20 does not have. So both are installed, and this is the one that fits.
 */
const PACKAGE = Number(process.versions.napi) >= 10 ? 'better-sqlite3-napi' : 'better-sqlite3'

/** A connection of better-sqlite3; only this folder sees it. */
export type Connection = Database.Database

/**
 * Opens a database file.
 *
 * @throws EngineError NATIVE_ADDON_MISSING where better-sqlite3 was installed but not built
 * @throws EngineError as {@link sqliteError} for what SQLite itself says
 */
export function openDatabase(
  path: string,
  options: { readonly?: boolean; timeoutMs?: number } = {},
): Connection {
  try {
    const Connect = createRequire(import.meta.url)(PACKAGE) as typeof Database
    return new Connect(path, { readonly: options.readonly ?? false, timeout: options.timeoutMs ?? 5000 })
  } catch (error) {
    throw sqliteError(error, path)
  }
}

/** Turns what better-sqlite3 throws into the error of ours that says what to do; EngineErrors pass through. */
export function sqliteError(error: unknown, path: string): EngineError {
  if (error instanceof EngineError) return error
  const message = error instanceof Error ? error.message : String(error)
  const code = sqliteCode(error)
  if (/bindings file|better.sqlite3|NODE_MODULE_VERSION/.test(message) && !code.startsWith('SQLITE_')) {
    return new EngineError(
      'NATIVE_ADDON_MISSING',
      `the native part of ${PACKAGE} is missing or not built for this Node; run: npm rebuild ${PACKAGE}, or install kindred again`,
      { cause: error },
    )
  }
  if (code.startsWith('SQLITE_FULL')) {
    return new EngineError('DISK_FULL', `no space is left for ${path}; nothing of this write was kept`, {
      cause: error,
    })
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return new EngineError(
      'DATABASE_CORRUPT',
      `${path} is not an intact SQLite database (${message}); put a backup in its place`,
      { cause: error },
    )
  }
  if (
    code.startsWith('SQLITE_READONLY') ||
    code.startsWith('SQLITE_CANTOPEN') ||
    code.startsWith('SQLITE_PERM')
  ) {
    return new EngineError(
      'HOME_NOT_WRITABLE',
      `${path} cannot be opened for writing (${message}); check the permissions or choose another --home`,
      { cause: error },
    )
  }
  return new EngineError('INTERNAL', `SQLite: ${message}`, { cause: error })
}

/** SQLite's own code of an error, or an empty string. */
export function sqliteCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
