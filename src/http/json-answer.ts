import { setImmediate as nextTurn } from 'node:timers/promises'
import { JSON_HEADERS } from './errors.js'

/** An answer of one value, written at once: for what is small. */
export function jsonAnswer(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: JSON_HEADERS })
}

const PIECE_CHARACTERS = 1 << 16
const encoder = new TextEncoder()

/**
 * An answer that is one long list: it is written in pieces between which other requests have their turn, since
 * making JSON of a million numbers takes a quarter of a second.
 *
 * @param before what stands in front of the list's first element, its `[` included
 * @param after what stands behind the last, from its `]` on
 */
export function listAnswer<T>(
  list: readonly T[],
  options: { before: string; after: string; write: (element: T, index: number) => string },
): Response {
  let next = 0
  const piece = (): string => {
    let text = next === 0 ? options.before : ''
    while (next < list.length && text.length < PIECE_CHARACTERS) {
      text += (next === 0 ? '' : ',') + options.write(list[next] as T, next)
      next++
    }
    return next < list.length ? text : text + options.after
  }
  const first = piece()
  if (next >= list.length) return new Response(first, { headers: JSON_HEADERS })
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode(first)),
    async pull(controller) {
      await nextTurn()
      controller.enqueue(encoder.encode(piece()))
      if (next >= list.length) controller.close()
    },
  })
  return new Response(body, { headers: JSON_HEADERS })
}
