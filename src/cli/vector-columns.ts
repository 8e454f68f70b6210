import { EngineError } from '../core/errors.js'
import type { CollectionSummary } from '../core/types.js'
import type { ReadRecord } from '../datasets/read-record.js'
import { COLUMNS_SPACE, type VectorColumnNames } from '../datasets/vector-columns.js'
import { UsageError } from './errors.js'

/** Parses `--vector-columns`: names with commas between, or `all`. */
export function vectorColumns(names: readonly string[] | undefined): VectorColumnNames | undefined {
  if (names === undefined) return undefined
  if (names.length === 1 && names[0] === 'all') return 'all'
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (names.includes('') || twice !== undefined) {
    const problem = twice ? `names "${twice}" twice` : 'has an empty name'
    throw new UsageError(`--vector-columns ${problem}; expected names such as a,b,c, or all`)
  }
  return names
}

/**
 * Refuses a collection whose vectors are of other columns.
 *
 * @throws EngineError SPACE_NOT_FOUND, ENCODER_MISMATCH, COLLECTION_EXISTS, DIMENSION_MISMATCH
 */
export function checkColumns({ name, spaces }: CollectionSummary, columns: readonly string[]): void {
  const space = spaces.find((one) => one.name === COLUMNS_SPACE)
  if (space === undefined) {
    throw new EngineError(
      'SPACE_NOT_FOUND',
      `collection "${name}" was made without a space "${COLUMNS_SPACE}", where vector columns go; add to another collection`,
    )
  }
  if (space.encoderName !== null) {
    throw new EngineError(
      'ENCODER_MISMATCH',
      `the vectors of space "${COLUMNS_SPACE}" of "${name}" are made by its encoder "${space.encoderName}"; add to another collection`,
    )
  }
  const has = space.columns
  if (has && (has.length !== columns.length || columns.some((column, i) => column !== has[i]))) {
    throw new EngineError(
      'COLLECTION_EXISTS',
      `collection "${name}" was made with other columns: ${has.join(',')}; asked were ${columns.join(',')}; give the same in the same order, or add to another collection`,
    )
  }
  if (space.dim !== columns.length) {
    throw new EngineError(
      'DIMENSION_MISMATCH',
      `space "${COLUMNS_SPACE}" of "${name}" has ${space.dim} dimensions, asked were ${columns.length} columns; give as many, or add to another collection`,
    )
  }
}

/** The records of a reading, of which those up to the first item were read already. */
export interface Begun {
  /** Whether the first item has a text; undefined where there is no item at all. */
  hasText: boolean | undefined
  /** All of them. */
  records: AsyncIterable<ReadRecord>
  /** Closes what is being read, where the records are not. */
  close(): Promise<void>
}

/** Reads up to the first item: only then is it known which columns there are. */
export async function begin(records: AsyncIterable<ReadRecord>): Promise<Begun> {
  const iterator = records[Symbol.asyncIterator]()
  const first: ReadRecord[] = []
  let hasText: boolean | undefined
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    first.push(next.value)
    if ('skipped' in next.value) continue
    hasText = next.value.item.text !== undefined
    break
  }
  const close = async (): Promise<void> => {
    await iterator.return?.()
  }
  return { hasText, records: followed(first, iterator), close }
}

async function* followed<T>(first: readonly T[], rest: AsyncIterator<T>): AsyncGenerator<T> {
  try {
    yield* first
    yield* { [Symbol.asyncIterator]: () => rest }
  } finally {
    await rest.return?.()
  }
}
