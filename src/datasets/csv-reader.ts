import { CsvError, parse } from 'csv-parse'
import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import { type CsvLayout, csvItem, csvLayout, type LayoutOptions, numericColumns } from './csv-layout.js'
import { lookAhead } from './look-ahead.js'
import { type MadeRecord, skippedBy } from './read-record.js'

export interface CsvOptions extends LayoutOptions {
  /** One ASCII character. Default: a comma, or a tab for `tsv`. */
  delimiter?: string
}

interface Row {
  /** Bytes as characters up to U+00FF: what is not UTF-8 is then a fault of one row, not of the file. */
  cells: string[]
  /** csv-parse's count of the line on which the row ends. */
  lines: number
}

/**
 * Reads delimited rows under a row of column names. Quotes are as RFC 4180 has them. One column is the text, one may be
 * the id, all others become metadata; empty cells and columns without a name are left out. Columns that make the row's
 * vector are metadata too, as numbers; a text is not needed then. A bad row is told and does not stop the rest; a file
 * whose quotes are not closed, or that lacks a column, ends there.
 */
export async function* readCsv(
  chunks: AsyncIterable<Uint8Array>,
  source: string,
  options: CsvOptions,
): AsyncGenerator<MadeRecord> {
  let line = 1
  let layout: CsvLayout | undefined
  try {
    const lines = new LineCounter()
    for await (const row of settledRows(openRows(chunks, options.delimiter ?? ','), options)) {
      line = lines.startOf(row)
      if (layout === undefined) {
        layout = csvLayout(row.cells, options)
        continue
      }
      const at = `${source}:${line}`
      try {
        yield { ...csvItem(row.cells, layout), source: at }
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

/** The same rows, once the first of them have told which columns hold numbers, where that was asked and is not known. */
function settledRows(rows: AsyncIterable<Row>, options: CsvOptions): AsyncIterable<Row> {
  const { columns } = options
  if (columns === undefined || columns.names !== undefined) return rows
  const bytesOf = ({ cells }: Row): number => cells.reduce((sum, cell) => sum + cell.length, 0)
  return lookAhead(rows, bytesOf, (first) => {
    const found = numericColumns(
      first.map(({ cells }) => cells),
      options,
    )
    columns.settle(found, `the first ${first.length - 1} rows`)
  })
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

function csvFailure(error: CsvError, lastLine: number): EngineError {
  const reason: Partial<Record<string, string>> = {
    CSV_QUOTE_NOT_CLOSED: 'a quote that is opened after this line is not closed until the end of the file',
    CSV_MAX_RECORD_SIZE: `after this line comes a row of more than ${LIMITS.ndjsonLineBytes} bytes; a quote may be missing`,
  }
  const message = reason[error.code] ?? `it cannot be read after line ${lastLine} (${error.message})`
  return new EngineError('INVALID_REQUEST', `${message}; the rows before were read`, { cause: error })
}
