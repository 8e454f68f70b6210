import { EngineError } from '../core/errors.js'
import type { Metadata } from '../core/types.js'
import { decodeUtf8 } from './decode-text.js'
import { type ColumnOptions, type Made, makeItem, metadataKeys, TEXT_COLUMNS } from './make-item.js'
import { COLUMNS_SPACE, cellValue, holdsNumbers, vectorNumber } from './vector-columns.js'

export interface LayoutOptions extends ColumnOptions {
  /** Columns whose values become numbers. All others stay the strings they are, `007` and `1.10` too. */
  numberColumns?: readonly string[]
}

/** What each cell of a row means. Cells are bytes as characters up to U+00FF. */
export interface CsvLayout {
  names: string[]
  text: number | undefined
  id: number | undefined
  /** Positions of the columns that make the vector, in its order; empty for none. */
  vector: number[]
  /** Positions of the metadata columns, with their keys and whether they hold numbers. */
  metadata: { at: number; key: string; number: boolean }[]
}

/** @throws EngineError INVALID_REQUEST, INVALID_METADATA, on names that are not there or come twice */
export function csvLayout(header: readonly string[], options: LayoutOptions): CsvLayout {
  const { names, text, id, position } = rolesOf(header, options)
  const vector = (options.columns?.names ?? []).map((name) => position(name, 'the vector'))
  if (text === undefined && options.columns === undefined) {
    throw new EngineError(
      'INVALID_REQUEST',
      `no column is named ${TEXT_COLUMNS.join(', ')}; ${columnsFound(names)}; choose one as the text (--text-column)`,
    )
  }
  const numbers = new Set([
    ...(options.numberColumns ?? []).map((name) => position(name, 'numbers')),
    ...vector,
  ])
  const others = names.flatMap((name, at) => (name === '' || at === text || at === id ? [] : [{ name, at }]))
  const keys = metadataKeys(others.map(({ name }) => name))
  const metadata = others.map(({ name, at }) => ({
    at,
    key: keys.get(name) ?? name,
    number: numbers.has(at),
  }))
  return { names, text, id, vector, metadata }
}

/**
 * The columns that hold numbers in these rows. The id and the text are not among them, nor are columns without a name.
 *
 * @param rows the header first
 */
export function numericColumns(
  [header = [], ...rows]: readonly (readonly string[])[],
  options: LayoutOptions,
): string[] {
  const { names, text, id } = rolesOf(header, options)
  return names.filter((name, at) => {
    if (name === '' || at === text || at === id) return false
    return holdsNumbers(rows.map((row) => cellValue(row[at] ?? '')))
  })
}

/**
 * @throws EngineError INVALID_REQUEST on a row of another length, and as `makeItem`
 * @throws EngineError INVALID_VECTOR, INVALID_METADATA on what is not a number
 */
export function csvItem(cells: readonly string[], layout: CsvLayout): Made {
  if (cells.length !== layout.names.length) {
    throw new EngineError(
      'INVALID_REQUEST',
      `the row has ${cells.length} cells, expected ${layout.names.length} as in the first row; a cell that holds the delimiter needs quotes`,
    )
  }
  const cell = (at: number): string => decodeCell(cells[at] ?? '')
  const vector = layout.vector.map((at) => vectorNumber(cellValue(cell(at)), layout.names[at] ?? ''))
  const metadata: [string, string | number][] = []
  for (const { at, key, number } of layout.metadata) {
    const value = cell(at)
    if (value === '') continue
    metadata.push([key, number ? numberOf(value, layout.names[at] ?? key) : value])
  }
  const text = layout.text === undefined ? '' : cell(layout.text)
  // a row of numbers need not have a text
  const without = layout.text === undefined || (vector.length > 0 && !/\S/u.test(text))
  return makeItem({
    ...(layout.id === undefined ? {} : { id: cell(layout.id) }),
    ...(without ? {} : { text }),
    ...(metadata.length > 0 ? { metadata: Object.fromEntries(metadata) as Metadata } : {}),
    ...(vector.length > 0 ? { vectors: { [COLUMNS_SPACE]: vector } } : {}),
  })
}

interface Roles {
  names: string[]
  text: number | undefined
  id: number | undefined
  position: (name: string, what: string) => number
}

/** Where text and id are, by their usual names or as they were chosen. */
function rolesOf(header: readonly string[], options: LayoutOptions): Roles {
  const names = header.map((name) => decodeCell(name).trim())
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
  const places = [...TEXT_COLUMNS, 'id'].map((name) => lower.indexOf(name))
  const chosen = (options.columns?.names ?? []).map((name) => names.indexOf(name))
  // what was chosen for the vector is not taken for something else because of its name
  const usualId = places.pop()
  const usual = places.find((at) => at >= 0 && !chosen.includes(at))
  const text = options.textColumn === undefined ? usual : position(options.textColumn, 'the text')
  const found = usualId === undefined || usualId < 0 || chosen.includes(usualId) ? undefined : usualId
  const id = options.idColumn === undefined ? found : position(options.idColumn, 'the id')
  return { names, text, id, position }
}

function numberOf(value: string, column: string): number {
  const number = Number(value)
  if (Number.isFinite(number) && value.trim() !== '') return number
  throw new EngineError(
    'INVALID_METADATA',
    `column "${column}" holds ${JSON.stringify(value.slice(0, 60))}, expected a number`,
  )
}

function columnsFound(names: readonly string[]): string {
  return `columns found: ${names.filter((name) => name !== '').join(', ') || 'none'}`
}

function decodeCell(cell: string): string {
  return /[\u0080-\u00ff]/.test(cell) ? decodeUtf8(Buffer.from(cell, 'latin1')) : cell
}
