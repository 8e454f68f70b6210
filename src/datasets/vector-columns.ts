import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'

/** The space that the numbers of a table's rows go to. */
export const COLUMNS_SPACE = 'columns'

/** Which columns of tables make the vector of a row: by name, in order; `all`: those that hold numbers. */
export type VectorColumnNames = 'all' | readonly string[]

/** A decimal number; unlike `Number()` it takes neither hexadecimal digits, which ids are made of, nor emptiness. */
const DECIMAL = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i

/**
 * The columns whose numbers become the vector of a row in the space {@link COLUMNS_SPACE}. One choice is shared by all
 * files that are read together: what `all` means is settled by the first of them.
 */
export class VectorColumns {
  #names: readonly string[] | undefined

  /** @throws EngineError INVALID_REQUEST on no names, an empty one, one that comes twice, or too many */
  constructor(asked: VectorColumnNames) {
    if (asked !== 'all') this.#names = checkNames(asked)
  }

  /** undefined while `all` is not settled. */
  get names(): readonly string[] | undefined {
    return this.#names
  }

  /**
   * Settles what `all` means.
   *
   * @param found names of the columns that hold numbers
   * @param where what was looked at, for the message
   * @throws EngineError INVALID_REQUEST if there are none, or too many
   */
  settle(found: readonly string[], where: string): void {
    if (this.#names !== undefined) return
    if (found.length === 0) {
      throw new EngineError(
        'INVALID_REQUEST',
        `there is no column of numbers for the vector in ${where}; name the columns (--vector-columns a,b)`,
      )
    }
    this.#names = checkNames(found)
  }
}

/** The number that a cell of a CSV file holds; any other cell as it is. */
export function cellValue(cell: string): number | string {
  return DECIMAL.test(cell) ? Number(cell) : cell
}

/** What stands in tables where there is no number. */
const MISSING = /^\s*(?:nan|na|n\/a|null|none|\?|-|[+-]?inf(?:inity)?)?\s*$/i

/** Of the values of a column of numbers at least so many are numbers; the others are told row by row. */
const NUMBERS = 0.9

/**
 * Whether a column is one of numbers, by some of its values: a slip here and there does not take the column away
 * unsaid. What usually stands for a missing number counts for nothing; one number must be there.
 *
 * @param values as `cellValue` gives them, or of JSON
 */
export function holdsNumbers(values: readonly unknown[]): boolean {
  const known = values.filter(
    (value) => value !== undefined && value !== null && !(typeof value === 'string' && MISSING.test(value)),
  )
  const numbers = known.filter((value) => typeof value === 'number').length
  return numbers > 0 && numbers >= NUMBERS * known.length
}

/**
 * A column's value, as a number of a vector.
 *
 * @throws EngineError INVALID_VECTOR naming the column and what it holds
 */
export function vectorNumber(value: unknown, column: string): number {
  if (typeof value === 'number' && Number.isFinite(Math.fround(value))) return value
  const empty = value === undefined || value === null || (typeof value === 'string' && value.trim() === '')
  const held = empty ? 'is empty' : `holds ${show(value)}`
  throw new EngineError('INVALID_VECTOR', `column "${column}" ${held}, expected a finite float32 number`)
}

function show(value: unknown): string {
  const json = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value))
  return json.length > 60 ? `${json.slice(0, 60)}…` : json
}

function checkNames(names: readonly string[]): readonly string[] {
  const wrong = (problem: string): EngineError =>
    new EngineError('INVALID_REQUEST', `the vector columns ${problem}; expected names such as a,b,c, or all`)
  if (names.length === 0) throw wrong('are none')
  if (names.length > LIMITS.dim) throw wrong(`are ${names.length}, at most ${LIMITS.dim} are taken`)
  if (names.includes('')) throw wrong('have an empty name among them')
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw wrong(`name "${twice}" twice`)
  return [...names]
}
