import { mkdir, mkdtemp, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { EngineError } from '../core/errors.js'

/**
 * A folder into which files come all together or not at all: they are written into a hidden folder within, and moved up when
 * all are there. What lies in the folder stays, but for files of the same names.
 */
export class StagedFolder {
  /** Absolute. */
  readonly path: string
  readonly #stage: string
  /** The uppermost folder that had to be made, if any. */
  readonly #made: string | undefined
  readonly #names: string[] = []

  private constructor(path: string, stage: string, made: string | undefined) {
    this.path = path
    this.#stage = stage
    this.#made = made
  }

  /**
   * Makes the folder if it is missing, and sees that it can be written to.
   *
   * @throws EngineError FILE_UNREADABLE, DISK_FULL; nothing is left behind then
   */
  static async open(folder: string): Promise<StagedFolder> {
    const path = resolve(folder)
    let made: string | undefined
    try {
      made = await mkdir(path, { recursive: true })
      return new StagedFolder(path, await mkdtemp(join(path, '.kindred-')), made)
    } catch (error) {
      await removeEmpty(path, made)
      throw notWritten(path, error)
    }
  }

  /** @param name of a file, not a path @throws EngineError FILE_UNREADABLE, DISK_FULL */
  async write(name: string, content: string | Uint8Array): Promise<void> {
    const target = join(this.path, name)
    try {
      const there = await stat(target).catch(() => undefined)
      if (there?.isDirectory()) throw new Error(`there is a folder of that name`)
      await writeFile(join(this.#stage, name), content)
      this.#names.push(name)
    } catch (error) {
      throw notWritten(target, error)
    }
  }

  /** Moves all that was written to its place. @throws EngineError FILE_UNREADABLE, DISK_FULL */
  async keep(): Promise<void> {
    try {
      for (const name of this.#names.splice(0)) await rename(join(this.#stage, name), join(this.path, name))
      await rm(this.#stage, { recursive: true, force: true })
    } catch (error) {
      throw notWritten(this.path, error)
    }
  }

  /** Takes away what was not kept, and the folder if it was made for it and is empty. Idempotent. */
  async discard(): Promise<void> {
    await rm(this.#stage, { recursive: true, force: true })
    await removeEmpty(this.path, this.#made)
  }
}

/** Removes empty folders from `path` up to `made`; one that holds something ends it. */
async function removeEmpty(path: string, made: string | undefined): Promise<void> {
  if (made === undefined) return
  for (let folder = path; folder.length >= made.length; folder = dirname(folder)) {
    try {
      await rmdir(folder)
    } catch {
      return
    }
  }
}

function notWritten(path: string, error: unknown): EngineError {
  const reason = error instanceof Error ? error.message : String(error)
  const isFull = error instanceof Error && 'code' in error && error.code === 'ENOSPC'
  return new EngineError(
    isFull ? 'DISK_FULL' : 'FILE_UNREADABLE',
    `${path} cannot be written: ${reason}; ${isFull ? 'make room, or choose another folder' : 'choose another folder'}`,
    { cause: error },
  )
}
