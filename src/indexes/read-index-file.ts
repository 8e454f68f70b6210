import { type FileHandle, open } from 'node:fs/promises'
import { EngineError } from '../core/errors.js'

/**
 * Opens an index file for as long as `read` needs it.
 *
 * @throws EngineError INDEX_INVALID for whatever `read` throws, and where the file cannot be opened
 */
export async function readIndexFile<T>(path: string, read: (file: FileHandle) => Promise<T>): Promise<T> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    return await read(file)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new EngineError(
      'INDEX_INVALID',
      `${path} is not a usable index file: ${reason}; it must be rebuilt`,
      { cause: error },
    )
  } finally {
    await file?.close()
  }
}
