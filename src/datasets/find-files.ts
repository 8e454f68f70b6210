import { realpath, stat } from 'node:fs/promises'
import { basename, extname, resolve } from 'node:path'
import { EngineError } from '../core/errors.js'
import { type Format, fileType, unsupportedFile } from './file-types.js'
import { idxId, idxLabelsOf, isIdxLabels } from './idx-names.js'
import { type Skipped, skippedBy } from './read-record.js'
import { walkFolder } from './walk-folder.js'

/** The path that means standard input. */
export const STANDARD_INPUT = '-'

export interface FoundFile {
  /** {@link STANDARD_INPUT}, or where the file lies. */
  path: string
  /**
   * The id of its item, where it is one: its `/`-separated path within the folder asked for, in NFC. Of an IDX file (there
   * without `.gz`) what the ids of its pictures begin with.
   */
  id: string
  /** undefined for what is not a regular file, such as a pipe. */
  bytes: number | undefined
  /** undefined for standard input whose format is to be seen from its first line. */
  format: Format | undefined
}

export interface FoundFiles {
  /** In the order of the arguments; those of a folder by id. */
  files: FoundFile[]
  /** What was asked for or looked readable, and is not. */
  skipped: Skipped[]
  /** How many files in folders are of kinds that are not read there, by extension. */
  ignored: Map<string, number>
}

/**
 * Finds the files that arguments mean. Folders are searched at every depth, hidden entries and `node_modules` aside.
 *
 * @param format of what is named itself; without it the extension says
 * @throws EngineError INVALID_REQUEST without a path, or where standard input comes twice
 * @throws EngineError DUPLICATE_ID where two arguments hold different files that would have one id
 */
export async function findFiles(paths: readonly string[], format?: Format): Promise<FoundFiles> {
  if (paths.length === 0)
    throw new EngineError('INVALID_REQUEST', 'no path was given, expected files, folders or -')
  if (paths.filter((path) => path === STANDARD_INPUT).length > 1) {
    throw new EngineError('INVALID_REQUEST', 'standard input (-) was named twice; it can be read once')
  }
  const found: FoundFiles = { files: [], skipped: [], ignored: new Map() }
  const taken = new TakenFiles()
  const labels: string[] = []
  for (const path of paths) {
    if (path === STANDARD_INPUT) {
      found.files.push({ path, id: path, bytes: undefined, format })
      continue
    }
    try {
      const stats = await stat(path)
      if (stats.isDirectory()) await addFolder(path, found, taken)
      else if (format === undefined && isIdxLabels(path)) labels.push(path)
      else if (stats.isFile()) await addNamed({ path, bytes: stats.size, format }, found, taken)
      else if (format !== undefined) found.files.push({ path, id: path, bytes: undefined, format })
      else throw new EngineError('FILE_UNREADABLE', 'it is not a regular file; say how to read it (--format)')
    } catch (error) {
      if (error instanceof EngineError && error.code === 'DUPLICATE_ID') throw error
      found.skipped.push(skippedBy(error, path).skipped)
    }
  }
  const used = labelsUsed(found.files)
  for (const path of labels) {
    if (used.has(resolve(path))) continue
    const reason = 'it holds labels; name the file of the images that they belong to, which lies beside it'
    found.skipped.push({ source: path, code: 'UNSUPPORTED', reason })
  }
  return found
}

/** Where the labels of IDX files may lie. */
function labelsUsed(files: readonly { path: string }[]): Set<string> {
  return new Set(files.flatMap(({ path }) => idxLabelsOf(resolve(path))))
}

async function addFolder(root: string, found: FoundFiles, taken: TakenFiles): Promise<void> {
  const walked = await walkFolder(root, (name) => fileType(name)?.inFolders === true)
  found.skipped.push(...walked.skipped)
  const ignore = (path: string): void => {
    const type = extname(path).toLowerCase()
    found.ignored.set(type, (found.ignored.get(type) ?? 0) + 1)
  }
  const labels = labelsUsed(walked.files)
  for (const path of walked.others) if (!labels.has(resolve(root, path))) ignore(path)
  const files = walked.files.map((file) => {
    const format = fileType(file.path)?.format
    return { ...file, format, id: idOf(file.relative, format) }
  })
  files.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
  for (const { path, id, bytes, format } of files) {
    const clash = await taken.claim(id, path, root)
    if (clash === 'same') continue
    if (clash === undefined) found.files.push({ path, id, bytes, format })
    else if (format === 'idx')
      ignore(path) // the same pictures once more, compressed
    else {
      const reason = `its id "${id}" is that of ${clash}: their names differ only in how accents are written`
      found.skipped.push({ source: path, code: 'DUPLICATE_ID', reason })
    }
  }
}

async function addNamed(
  file: { path: string; bytes: number; format: Format | undefined },
  found: FoundFiles,
  taken: TakenFiles,
): Promise<void> {
  const { path, bytes } = file
  const format = file.format ?? fileType(path)?.format
  if (format === undefined) throw unsupportedFile(path)
  const id = idOf(basename(path), format)
  // where a file of many items gives them no part of their ids, only its second mention is to be seen
  const owns = format === 'text' || format === 'image' || format === 'idx'
  const clash = await taken.claim(owns ? id : `/${await realpath(path)}`, path, path)
  if (clash === undefined) found.files.push({ path, id, bytes, format })
}

function idOf(relative: string, format: Format | undefined): string {
  const id = relative.normalize('NFC')
  return format === 'idx' ? idxId(id) : id
}

/** Which id belongs to which file so far. */
class TakenFiles {
  readonly #files = new Map<string, { path: string; root: string }>()

  /**
   * @returns undefined if the id was free, `same` if the very file has it, else the path of another file of the root
   * @throws EngineError DUPLICATE_ID if another root's file has it
   */
  async claim(id: string, path: string, root: string): Promise<string | undefined> {
    const other = this.#files.get(id)
    if (other === undefined) {
      this.#files.set(id, { path, root })
      return undefined
    }
    if ((await realpath(other.path)) === (await realpath(path))) return 'same'
    if (other.root === root) return other.path
    throw new EngineError(
      'DUPLICATE_ID',
      `${other.path} and ${path} would both have the id "${id}", which is the path within what was named; name a folder above both, or add them to different collections`,
      { details: { id, paths: [other.path, path] } },
    )
  }
}
