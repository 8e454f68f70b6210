import { parentPort } from 'node:worker_threads'
import { type PlainError, toPlainError } from '../core/errors.js'
import type { ItemInput } from '../core/types.js'
import { type BodyKind, parseBody } from './body-parser.js'
import { parseStep } from './ndjson-step.js'

/** One body, or one step of an NDJSON body (`firstLine`), to be read and checked. */
export interface BodyTask {
  kind: BodyKind | 'lines'
  bytes: Uint8Array
  firstLine: number
}

/**
 * What came of it. Items come in parts, each after the other was asked for with `next`, and without them at last
 * the value they belong to: taking ten thousand at once would hold up the thread that receives them.
 */
export type BodyReply = { error: PlainError } | { part: ItemInput[] } | { value: unknown }

/** Items of a part come from about so many bytes of the body. */
const PART_BYTES = 512 << 10

let replies: Generator<BodyReply, void, undefined> | undefined

parentPort?.on('message', (message: BodyTask | 'next') => {
  if (message !== 'next') replies = answer(message)
  const reply = replies?.next().value
  if (reply) parentPort?.postMessage(reply, 'part' in reply ? reply.part.flatMap(buffersOf) : [])
})

function* answer(task: BodyTask): Generator<BodyReply, void, undefined> {
  try {
    const { items, value } = read(task)
    const length = Math.ceil(items.length / Math.ceil(task.bytes.length / PART_BYTES))
    for (let at = 0; at < items.length; at += length) yield { part: items.slice(at, at + length) }
    yield { value }
  } catch (error) {
    yield { error: toPlainError(error) }
  }
}

function read(task: BodyTask): { items: ItemInput[]; value: unknown } {
  if (task.kind === 'lines') {
    const { items, lines } = parseStep(task)
    return { items, value: lines }
  }
  if (task.kind === 'items') return { items: parseBody(task.kind, task.bytes), value: null }
  return { items: [], value: parseBody(task.kind, task.bytes) }
}

/** What is handed over instead of copied: vectors and pictures, each of which has a buffer of its own. */
function buffersOf(item: ItemInput): ArrayBuffer[] {
  const image = ArrayBuffer.isView(item.image) ? item.image : item.image?.rendition
  const arrays = [image, ...Object.values(item.vectors ?? {})]
  return arrays.flatMap((array) =>
    ArrayBuffer.isView(array) && array.buffer instanceof ArrayBuffer ? [array.buffer] : [],
  )
}
