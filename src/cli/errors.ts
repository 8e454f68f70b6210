import { EngineError, type PlainError, toPlainError } from '../core/errors.js'

/** What the shell is told: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C, 143 by SIGTERM. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130, terminated: 143 } as const

/** A command line that cannot be understood: an argument missing, unknown, or not of its kind. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/**
 * Any thrown value as the error that the user sees. A native addon that is installed but not built, which a package
 * may throw while it is imported, becomes NATIVE_ADDON_MISSING with the command that builds it.
 */
export function describeError(error: unknown): PlainError {
  if (error instanceof UsageError) return { code: 'INVALID_REQUEST', message: error.message }
  if (error instanceof EngineError) return toPlainError(error)
  return missingAddon(error) ?? systemError(error) ?? toPlainError(error)
}

const ADDONS = [
  { name: 'better-sqlite3', marks: /better.sqlite3/ },
  { name: 'hnswlib-node', marks: /hnswlib|build\/Release\/addon|[/\\]addon\.node/ },
  { name: 'onnxruntime-node', marks: /onnxruntime/ },
]

function missingAddon(error: unknown): PlainError | undefined {
  if (!(error instanceof Error)) return undefined
  const code = 'code' in error ? error.code : undefined
  const text = `${error.message}\n${error.stack ?? ''}`
  const native =
    code === 'ERR_DLOPEN_FAILED' ||
    /bindings file|NODE_MODULE_VERSION|\.node['":]/.test(error.message) ||
    (code === 'MODULE_NOT_FOUND' && /\.node\b/.test(text))
  if (!native) return undefined
  const addon = ADDONS.find(({ marks }) => marks.test(text))
  const first = error.message.split('\n')[0]
  const remedy =
    addon?.name === 'onnxruntime-node'
      ? 'delete node_modules/onnxruntime-node and run: ONNXRUNTIME_NODE_INSTALL=skip npm install'
      : `run: npm rebuild ${addon?.name ?? 'better-sqlite3 hnswlib-node'} (it needs Python and a C++ compiler)`
  return {
    code: 'NATIVE_ADDON_MISSING',
    message: `the native part of ${addon?.name ?? 'a package'} is missing or built for another Node (${first}); ${remedy}`,
  }
}

/** Errors of the file system carry a path and a reason, which is all that a user needs. */
function systemError(error: unknown): PlainError | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined
  return {
    code: error.code === 'ENOSPC' ? 'DISK_FULL' : 'path' in error ? 'FILE_UNREADABLE' : 'INTERNAL',
    message: error.message,
  }
}
