import { EngineError, toPlainError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import type { AddReceipt, ItemInput } from '../core/types.js'
import type { BodyPool } from './body-pool.js'
import type { Step } from './ndjson-step.js'

/** What became of an NDJSON body. */
export interface LinesReceipt extends AddReceipt {
  /** Lines read, blank ones included. */
  lines: number
}

/** A step also ends before its lines come to more than this, so that memory stays bounded. */
const STEP_BYTES = LIMITS.bodyBytes
const NEWLINE = 0x0a

/**
 * Writes the items of an NDJSON body in steps of {@link LIMITS.ndjsonStep} lines (fewer where lines are so long that
 * they come to 16 MiB), each all or nothing. The next step is read when the one before is written.
 *
 * @throws EngineError of the first bad step, with `details.acknowledged`: what was written before it, and stays
 */
export async function addLines(
  parts: AsyncIterable<Uint8Array>,
  options: { pool: BodyPool; add: (items: ItemInput[]) => Promise<AddReceipt> },
): Promise<LinesReceipt> {
  const receipt: LinesReceipt = { upserted: 0, unchanged: 0, lines: 0 }
  let firstLine = 1
  try {
    for await (const { step, lineCount } of steps(parts)) {
      const { items, lines } = await options.pool.step(step)
      if (items.length > 0) {
        const written = await naming(lines, () => options.add(items))
        receipt.upserted += written.upserted
        receipt.unchanged += written.unchanged
      }
      receipt.lines += lineCount
      firstLine = step.firstLine + lineCount
    }
  } catch (cause) {
    const { code, message, details } = toPlainError(cause)
    throw new EngineError(code, message, {
      cause,
      details: { line: firstLine, ...details, acknowledged: { ...receipt } },
    })
  }
  return receipt
}

/** Cuts a body into steps of whole lines. */
async function* steps(
  parts: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ step: Step; lineCount: number }, void, undefined> {
  let held: Uint8Array[] = []
  let heldBytes = 0
  let lineBytes = 0
  let lineCount = 0
  let firstLine = 1
  const release = (): { step: Step; lineCount: number } => {
    const released = { step: { bytes: Buffer.concat(held, heldBytes), firstLine }, lineCount }
    firstLine += lineCount
    held = []
    heldBytes = 0
    lineCount = 0
    return released
  }
  const hold = (bytes: Uint8Array): void => {
    held.push(bytes)
    heldBytes += bytes.length
    lineBytes += bytes.length
    if (lineBytes > LIMITS.ndjsonLineBytes) {
      throw new EngineError(
        'BODY_TOO_LARGE',
        `line ${firstLine + lineCount} has more than ${LIMITS.ndjsonLineBytes} bytes`,
        { details: { line: firstLine + lineCount } },
      )
    }
  }
  for await (const part of parts) {
    let start = 0
    for (let at = part.indexOf(NEWLINE); at !== -1; at = part.indexOf(NEWLINE, start)) {
      hold(part.subarray(start, at + 1))
      start = at + 1
      lineCount++
      lineBytes = 0
      if (lineCount >= LIMITS.ndjsonStep || heldBytes >= STEP_BYTES) yield release()
    }
    if (start < part.length) hold(part.subarray(start))
  }
  if (lineBytes > 0) lineCount++
  if (heldBytes > 0) yield release()
}

/** Runs it; an error that names an item by its position gets that item's line instead. */
async function naming<T>(lines: number[], run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    const { code, message, details: { index, ...details } = {} } = toPlainError(cause)
    const line = typeof index === 'number' ? lines[index] : undefined
    if (line === undefined) throw cause
    const reason = message.replace(/^item \d+/, 'item')
    throw new EngineError(code, `line ${line}: ${reason}`, { cause, details: { ...details, line } })
  }
}
