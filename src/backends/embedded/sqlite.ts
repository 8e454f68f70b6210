import Database from 'better-sqlite3'
import { EngineError } from '../../core/errors.js'

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
    return new Database(path, { readonly: options.readonly ?? false, timeout: options.timeoutMs ?? 5000 })
  } catch (error) {
    throw sqliteError(error, path)
  }
}

/** Turns what better-sqlite3 throws into the error of ours that says what to do; EngineErrors pass through. */
export function sqliteError(error: unknown, path: string): EngineError {
  if (error instanceof EngineError) return error
  const message = error instanceof Error ? error.message : String(error)
  const code = sqliteCode(error)
  if (/bindings file|better_sqlite3\.node|NODE_MODULE_VERSION/.test(message)) {
    return new EngineError(
      'NATIVE_ADDON_MISSING',
      'better-sqlite3 is installed but its native part is not built for this Node; run: npm rebuild better-sqlite3',
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
