import { addAbortSignal, type Readable } from 'node:stream'
import { EngineError } from '../core/errors.js'
import { countBytes, openFile, toUtf8 } from './byte-stream.js'
import { type CsvOptions, checkDelimiter, readCsv } from './csv-reader.js'
import { checkFormat, type Format } from './file-types.js'
import { type FoundFile, type FoundFiles, findFiles, STANDARD_INPUT } from './find-files.js'
import { readIdx } from './idx-reader.js'
import { readImageFile, readImageStream } from './image-reader.js'
import { readJsonl } from './jsonl-reader.js'
import { type MadeRecord, type ReadRecord, skippedBy } from './read-record.js'
import { SeenIds } from './seen-ids.js'
import { readUnknown } from './stdin-reader.js'
import { readLines, readTextFile, readTextStream } from './text-reader.js'
import { type VectorColumnNames, VectorColumns } from './vector-columns.js'

export interface ReadOptions extends Omit<CsvOptions, 'columns'> {
  /**
   * Columns of CSV, fields of JSONL, whose numbers become the item's own vector in the space `columns`; `all`: those
   * that hold numbers (at least nine of ten values) in the first 1,000 rows of the first file, but for the id. They
   * stay metadata, as numbers. Other kinds of files are then refused, each by itself. Default: none.
   */
  vectorColumns?: VectorColumnNames
  /** See `FORMATS`: of files that are named and of standard input, whatever their names. */
  format?: string
  /** Ends after so many items. Default: all. */
  limit?: number
  /** What `-` reads. Default: the standard input of the process. */
  stdin?: Readable
  /** Ends the iteration with EngineError CANCELLED. */
  signal?: AbortSignal
}

/** How much there is to read. */
export interface ReadSize {
  files: number
  /** undefined where it cannot be known: standard input, pipes. */
  bytes: number | undefined
  /** Files in folders that are of kinds not read there, by extension (`''` for none). */
  ignored: Record<string, number>
}

/**
 * Reads items from files, folders and standard input (`-`), in the order of the arguments, a folder's by id.
 *
 * - a file of text (.txt, .md) is one item; its id is its path within the folder named, or its name
 * - so is a picture (.png, .jpg, .jpeg, .webp, .gif, .avif); the folder that it lies in, within the folder named, is its
 *   `label`; the record says where it lies, and its bytes are read and looked at by whoever renders it
 * - IDX files (…-idx3-ubyte, also gzipped) hold many; the file of labels that lies beside gives each its `label`, a number
 * - .jsonl, .ndjson, .csv and .tsv hold many; they are read only where they are named, not in folders
 * - an item without an id gets a hash of its content; content that comes again is passed over
 * - what cannot be read is told and does not stop the rest; of two items with one id the first is read
 *
 * @throws EngineError INVALID_REQUEST on vector columns that make no sense
 */
export function readItems(paths: readonly string[], options: ReadOptions = {}): ItemReading {
  return new ItemReading(paths, options)
}

/** Items being read, and how far that is. Only a piece of one file is in memory at a time. */
export class ItemReading implements AsyncIterable<ReadRecord> {
  readonly #paths: readonly string[]
  readonly #options: ReadOptions
  readonly #columns: VectorColumns | undefined
  #found: Promise<FoundFiles> | undefined
  #bytesRead = 0
  #repeated = 0

  constructor(paths: readonly string[], options: ReadOptions) {
    this.#paths = paths
    this.#options = options
    this.#columns = options.vectorColumns === undefined ? undefined : new VectorColumns(options.vectorColumns)
  }

  /** Names of the columns that make vectors, in order; undefined for none, and while `all` has not met a table. */
  get vectorColumns(): readonly string[] | undefined {
    return this.#columns?.names
  }

  /** Bytes read so far, of those that {@link size} tells. */
  get bytesRead(): number {
    return this.#bytesRead
  }

  /** Items passed over because the same content, without an id, came before. */
  get repeated(): number {
    return this.#repeated
  }

  /**
   * Looks at the files without opening them.
   *
   * @throws EngineError INVALID_REQUEST on options or paths that make no sense
   * @throws EngineError DUPLICATE_ID where two arguments hold different files that would have one id
   */
  async size(): Promise<ReadSize> {
    const { files, ignored } = await this.#find()
    const known = files.every((file) => file.bytes !== undefined)
    const bytes = known ? files.reduce((sum, file) => sum + (file.bytes ?? 0), 0) : undefined
    return { files: files.length, bytes, ignored: Object.fromEntries(ignored) }
  }

  /** @throws EngineError as {@link size}, and CANCELLED */
  async *[Symbol.asyncIterator](): AsyncGenerator<ReadRecord> {
    const { files, skipped } = await this.#find()
    const { limit = Number.POSITIVE_INFINITY } = this.#options
    const seen = new SeenIds()
    let count = 0
    this.#bytesRead = 0
    this.#repeated = 0
    for (const failure of skipped) yield { skipped: failure }
    for (const file of files) {
      for await (const record of this.#readFile(file)) {
        if (this.#options.signal?.aborted) throw cancelled()
        if ('skipped' in record) {
          yield record
          continue
        }
        const { hashed, ...read } = record
        const { item, source } = read
        const first = seen.claim(item.id, source)
        if (first === undefined) {
          yield read
          if (++count >= limit) return
        } else if (hashed) this.#repeated++
        else {
          const reason = `its id ${JSON.stringify(item.id)} was given before, in ${first}`
          yield { skipped: { source, code: 'DUPLICATE_ID', reason } }
        }
      }
    }
  }

  #find(): Promise<FoundFiles> {
    this.#found ??= this.#check()
    return this.#found
  }

  async #check(): Promise<FoundFiles> {
    const { format, delimiter, limit = 1 } = this.#options
    if (!Number.isInteger(limit) || limit < 1) {
      throw new EngineError('INVALID_REQUEST', `limit is ${limit}, expected a whole number of at least 1`)
    }
    if (delimiter !== undefined) checkDelimiter(delimiter)
    return findFiles(this.#paths, format === undefined ? undefined : checkFormat(format))
  }

  async *#readFile(file: FoundFile): AsyncGenerator<MadeRecord> {
    const { signal } = this.#options
    if (signal?.aborted) throw cancelled()
    if (this.#columns !== undefined && file.format !== undefined && !TABLES.has(file.format)) {
      yield skippedBy(noTable(file.format), file.path)
      return
    }
    if (file.format === 'text' && file.bytes !== undefined) {
      yield await readTextFile(file.path, file.id)
      this.#bytesRead += file.bytes
      return
    }
    if (file.format === 'image' && file.bytes !== undefined) {
      this.#bytesRead += file.bytes
      yield readImageFile(file.path, file.id, file.bytes)
      return
    }
    try {
      let any = false
      for await (const record of this.#readStream(file)) {
        any = true
        yield record
      }
      if (!any) throw new EngineError('INVALID_TEXT', 'it holds no items')
    } catch (error) {
      if (signal?.aborted) throw cancelled()
      yield skippedBy(error, file.path)
    }
  }

  #readStream(file: FoundFile): AsyncIterable<MadeRecord> {
    const { signal, stdin, delimiter } = this.#options
    const options = { ...this.#options, columns: this.#columns }
    const raw = file.path === STANDARD_INPUT ? (stdin ?? process.stdin) : openFile(file.path)
    if (signal !== undefined) addAbortSignal(signal, raw)
    const counted = countBytes(raw, (count) => {
      this.#bytesRead += count
    })
    if (file.format === 'text') return asIterable(readTextStream(counted, file.path))
    if (file.format === 'image') return asIterable(readImageStream(counted, file.path))
    if (file.format === 'idx') return readIdx(counted, file)
    const chunks = toUtf8(counted)
    switch (file.format) {
      case 'lines':
        return readLines(chunks, file.path)
      case 'jsonl':
        return readJsonl(chunks, file.path, options)
      case 'csv':
        return readCsv(chunks, file.path, options)
      case 'tsv':
        return readCsv(chunks, file.path, { ...options, delimiter: delimiter ?? '\t' })
      case undefined:
        return readUnknown(chunks, file.path, options)
    }
  }
}

/** Formats whose columns can make vectors. */
const TABLES: ReadonlySet<Format> = new Set<Format>(['csv', 'tsv', 'jsonl'])

function noTable(format: Format): EngineError {
  return new EngineError(
    'INVALID_REQUEST',
    `it is read as ${format}, which has no columns for a vector; expected ${[...TABLES].join(', ')} (--format says how to read it)`,
  )
}

async function* asIterable(record: Promise<MadeRecord>): AsyncGenerator<MadeRecord> {
  yield await record
}

function cancelled(): EngineError {
  return new EngineError('CANCELLED', 'reading was cancelled')
}
