import { CsvError, parse } from 'csv-parse'
import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import type { Metadata } from '../core/types.js'
import { decodeUtf8 } from './decode-text.js'
import { type ColumnOptions, type Made, makeItem, metadataKeys, TEXT_COLUMNS } from './make-item.js'
import { type MadeRecord, skippedBy } from './read-record.js'

export interface CsvOptions extends ColumnOptions {
  /** One ASCII character. Default: a comma, or a tab for `tsv`. */
  delimiter?: string
  /** Columns whose values become numbers. All others stay the strings they are, `007` and `1.10` too. */
  numberColumns?: readonly string[]
}

interface Row {
  /** Bytes as characters up to U+00FF: what is not UTF-8 is then a fault of one row, not of the file. */
  cells: string[]
  /** csv-parse's count of the line on which the row ends. */
  lines: number
}

/**
 * Reads delimited rows under a row of column names. Quotes are as RFC 4180 has them. One column is the text, one may
 * be the id, all others become metadata; empty cells and columns without a name are left out. A bad row is told and
 * does not stop the rest; a file whose quotes are not closed, or that has no column for the text, ends there.
 */
export async function* readCsv(
  chunks: AsyncIterable<Uint8Array>,
  source: string,
  options: CsvOptions,
): AsyncGenerator<MadeRecord> {
  let line = 1
  let layout: Layout | undefined
  try {
    const lines = new LineCounter()
    for await (const row of openRows(chunks, options.delimiter ?? ',')) {
      line = lines.startOf(row)
      if (layout === undefined) {
        layout = layoutOf(row.cells.map(decodeCell), options)
        continue
      }
      const at = `${source}:${line}`
      try {
        yield { ...itemOf(row.cells, layout), source: at }
      } catch (error) {
        yield skippedBy(error, at)
      }
    }
    if (layout === undefined)
      throw new EngineError('INVALID_TEXT', 'it is empty, expected a row of column names')
  } catch (error) {
    const at = layout === undefined ? source : `${source}:${line}`
    yield skippedBy(error instanceof CsvError ? csvFailure(error, line) : error, at)
  }
}

/** @throws EngineError INVALID_REQUEST */
export function checkDelimiter(delimiter: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a tab and other controls do separate columns
  if (/^[\u0000-\u007f]$/.test(delimiter) && !/["\r\n]/.test(delimiter)) return
  throw new EngineError(
    'INVALID_REQUEST',
    `the delimiter is ${JSON.stringify(delimiter)}, expected one ASCII character other than a quote or a line break`,
  )
}

/** Rows as they are parsed. They are taken from `on_record`: a stream that fails drops the rows it still holds. */
async function* openRows(chunks: AsyncIterable<Uint8Array>, delimiter: string): AsyncGenerator<Row> {
  let rows: Row[] = []
  const parser = parse({
    delimiter,
    encoding: 'latin1',
    record_delimiter: ['\r\n', '\n', '\r'],
    max_record_size: LIMITS.ndjsonLineBytes,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    on_record: (cells: string[], { lines }) => {
      rows.push({ cells, lines })
      return null
    },
  })
  const take = (): Row[] => {
    const taken = rows
    rows = []
    return taken
  }
  parser.on('error', () => undefined) // the callbacks tell it
  parser.resume()
  try {
    for await (const chunk of chunks) {
      const failure = await new Promise((resolve) => parser.write(chunk, resolve))
      yield* take()
      if (failure) throw failure
    }
    const failure = await new Promise((resolve) => parser.end(resolve))
    yield* take()
    if (failure) throw failure
  } finally {
    parser.destroy()
  }
}

/** Tells on which line a row starts; csv-parse counts where it ends, and `\r\n` within quotes twice. */
class LineCounter {
  #countedTwice = 0

  startOf({ cells, lines }: Row): number {
    let breaks = 0
    for (const cell of cells) {
      if (!/[\r\n]/.test(cell)) continue
      for (const found of cell.match(/\r\n|\r|\n/g) ?? []) {
        breaks++
        if (found.length === 2) this.#countedTwice++
      }
    }
    return lines - this.#countedTwice - breaks
  }
}

/** What each cell of a row means. */
interface Layout {
  names: string[]
  text: number
  id: number | undefined
  /** Positions of the metadata columns, with their keys and whether they hold numbers. */
  metadata: { at: number; key: string; number: boolean }[]
}

function layoutOf(header: string[], options: CsvOptions): Layout {
  const names = header.map((name) => name.trim())
  const twice = names.find((name, i) => name !== '' && names.indexOf(name) !== i)
  if (twice !== undefined) {
    throw new EngineError('INVALID_REQUEST', `two columns are named "${twice}"; rename one`)
  }
  const position = (name: string, what: string): number => {
    const at = names.indexOf(name)
    if (at >= 0 && name !== '') return at
    throw new EngineError(
      'INVALID_REQUEST',
      `there is no column "${name}" for ${what}; ${columnsFound(names)}`,
    )
  }
  const lower = names.map((name) => name.toLowerCase())
  const usual = TEXT_COLUMNS.map((name) => lower.indexOf(name)).find((at) => at >= 0)
  const text = options.textColumn === undefined ? usual : position(options.textColumn, 'the text')
  if (text === undefined) {
    throw new EngineError(
      'INVALID_REQUEST',
      `no column is named ${TEXT_COLUMNS.join(', ')}; ${columnsFound(names)}; choose one as the text (--text-column)`,
    )
  }
  const usualId = lower.indexOf('id')
  const id =
    options.idColumn === undefined
      ? usualId < 0
        ? undefined
        : usualId
      : position(options.idColumn, 'the id')
  const numbers = new Set((options.numberColumns ?? []).map((name) => position(name, 'numbers')))
  const others = names.flatMap((name, at) => (name === '' || at === text || at === id ? [] : [{ name, at }]))
  const keys = metadataKeys(others.map(({ name }) => name))
  const metadata = others.map(({ name, at }) => ({
    at,
    key: keys.get(name) ?? name,
    number: numbers.has(at),
  }))
  return { names, text, id, metadata }
}

function columnsFound(names: readonly string[]): string {
  return `columns found: ${names.filter((name) => name !== '').join(', ') || 'none'}`
}

function itemOf(cells: readonly string[], layout: Layout): Made {
  if (cells.length !== layout.names.length) {
    throw new EngineError(
      'INVALID_REQUEST',
      `the row has ${cells.length} cells, expected ${layout.names.length} as in the first row; a cell that holds the delimiter needs quotes`,
    )
  }
  const cell = (at: number): string => decodeCell(cells[at] ?? '')
  const metadata: [string, string | number][] = []
  for (const { at, key, number } of layout.metadata) {
    const value = cell(at)
    if (value !== '') metadata.push([key, number ? numberOf(value, layout.names[at] ?? key) : value])
  }
  const parts = {
    text: cell(layout.text),
    ...(metadata.length > 0 ? { metadata: Object.fromEntries(metadata) as Metadata } : {}),
  }
  return makeItem(layout.id === undefined ? parts : { id: cell(layout.id), ...parts })
}

function numberOf(value: string, column: string): number {
  const number = Number(value)
  if (Number.isFinite(number) && value.trim() !== '') return number
  throw new EngineError(
    'INVALID_METADATA',
    `column "${column}" holds ${JSON.stringify(value.slice(0, 60))}, expected a number`,
  )
}

function decodeCell(cell: string): string {
  return /[\u0080-\u00ff]/.test(cell) ? decodeUtf8(Buffer.from(cell, 'latin1')) : cell
}

function csvFailure(error: CsvError, lastLine: number): EngineError {
  const reason: Partial<Record<string, string>> = {
    CSV_QUOTE_NOT_CLOSED: 'a quote that is opened after this line is not closed until the end of the file',
    CSV_MAX_RECORD_SIZE: `after this line comes a row of more than ${LIMITS.ndjsonLineBytes} bytes; a quote may be missing`,
  }
  const message = reason[error.code] ?? `it cannot be read after line ${lastLine} (${error.message})`
  return new EngineError('INVALID_REQUEST', `${message}; the rows before were read`, { cause: error })
}
