/** How much of a table is looked at before its first row is given: rows, and bytes of them. */
const LOOK_AHEAD = { rows: 1000, bytes: 4 << 20 }

/**
 * Gives the same values, after `look` has seen the first of them: at most 1,000, and fewer where they are large. A
 * source that fails still gives what came before; a failure of `look` comes in place of the first value.
 *
 * @param bytesOf about how much memory a value takes
 */
export async function* lookAhead<T>(
  values: AsyncIterable<T>,
  bytesOf: (value: T) => number,
  look: (first: readonly T[]) => void,
): AsyncGenerator<T> {
  const iterator = values[Symbol.asyncIterator]()
  const first: T[] = []
  let bytes = 0
  let failure: { error: unknown } | undefined
  let ended = false
  try {
    while (first.length < LOOK_AHEAD.rows && bytes < LOOK_AHEAD.bytes && !ended && !failure) {
      const next = await iterator.next().catch((error: unknown) => {
        failure = { error }
      })
      if (!next) break
      if (next.done) ended = true
      else {
        first.push(next.value)
        bytes += bytesOf(next.value)
      }
    }
    if (first.length > 0) look(first)
    yield* first
    if (failure) throw failure.error
    if (!ended) yield* { [Symbol.asyncIterator]: () => iterator }
  } finally {
    await iterator.return?.()
  }
}
