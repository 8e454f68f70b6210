import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { threadId } from 'node:worker_threads'
import { EngineError } from '../core/errors.js'

let written = 0

/**
 * Writes a file whole or not at all: under a temporary name beside it, then fsync, then rename.
 *
 * @param write fills the temporary file, which is there and empty; what it throws is passed on and the file removed
 * @throws EngineError DISK_FULL, HOME_NOT_WRITABLE
 */
export async function replaceFile(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${process.pid}-${threadId}-${written++}.tmp`
  try {
    await (await open(temporary, 'w')).close()
    await write(temporary)
    await sync(temporary, 'r+')
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw asWriteError(error, path)
  }
  // the rename itself is durable once the folder is; not every platform can open one
  await sync(dirname(path), 'r').catch(() => undefined)
}

async function sync(path: string, flags: string): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, flags)
    await handle.sync()
  } finally {
    await handle?.close()
  }
}

function asWriteError(error: unknown, path: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (error instanceof EngineError || typeof code !== 'string') return error
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new EngineError('DISK_FULL', `no room on the disk to write ${path}; free some and try again`, {
      cause: error,
    })
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOENT' || code === 'ENOTDIR')
    return new EngineError('HOME_NOT_WRITABLE', `${path} cannot be written (${code}); check its folder`, {
      cause: error,
    })
  return error
}
