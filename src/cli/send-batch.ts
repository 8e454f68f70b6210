import { EngineError, type ErrorCode, type PlainError, toPlainError } from '../core/errors.js'
import type { AddReceipt } from '../core/types.js'
import type { WireItem } from './client.js'

/** What became of a batch: whatever could be written is written. */
export interface BatchOutcome extends AddReceipt {
  refused: { id: string; error: PlainError }[]
}

/** Errors that one item of a batch can be the cause of. */
const OF_AN_ITEM: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'INVALID_REQUEST',
  'INVALID_ID',
  'INVALID_TEXT',
  'INVALID_METADATA',
  'INVALID_VECTOR',
  'INVALID_IMAGE',
  'ZERO_VECTOR',
  'DIMENSION_MISMATCH',
  'DUPLICATE_ID',
  'TEXT_TOO_LARGE',
  'BODY_TOO_LARGE',
  'BATCH_TOO_LARGE',
  'SPACE_NOT_FOUND',
  'ENCODER_MISMATCH',
])

/**
 * Sends a batch. The engine takes it whole or not at all, so an item that is refused is left out and the others are
 * sent again; where the error does not tell which it was, the batch is halved until it stands alone.
 *
 * @throws InterruptedBatch of what no single item is the cause of
 */
export async function sendBatch(
  send: (items: readonly WireItem[]) => Promise<AddReceipt>,
  items: readonly WireItem[],
): Promise<BatchOutcome> {
  const outcome: BatchOutcome = { upserted: 0, unchanged: 0, refused: [] }
  const parts: (readonly WireItem[])[] = [items]
  for (let part = parts.shift(); part; part = parts.shift()) {
    if (part.length === 0) continue
    try {
      const receipt = await send(part)
      outcome.upserted += receipt.upserted
      outcome.unchanged += receipt.unchanged
    } catch (error) {
      if (!(error instanceof EngineError) || !OF_AN_ITEM.has(error.code))
        throw new InterruptedBatch(outcome, error)
      const at = part.length === 1 ? 0 : positionOf(error, part.length)
      const item = at === undefined ? undefined : part[at]
      if (at === undefined || item === undefined) {
        const half = Math.ceil(part.length / 2)
        parts.unshift(part.slice(0, half), part.slice(half))
      } else {
        outcome.refused.push({ id: item.id, error: withoutPosition(toPlainError(error)) })
        parts.unshift(part.slice(0, at).concat(part.slice(at + 1)))
      }
    }
  }
  return outcome
}

/** A batch that could not be sent to its end; what had been acknowledged by then stands in `outcome`. */
export class InterruptedBatch extends Error {
  override readonly name = 'InterruptedBatch'
  readonly outcome: BatchOutcome

  constructor(outcome: BatchOutcome, cause: unknown) {
    super('the batch was interrupted', { cause })
    this.outcome = outcome
  }
}

/** Which item of the batch an error means, if it says so. */
function positionOf(error: EngineError, count: number): number | undefined {
  const { index, field } = error.details ?? {}
  const named = typeof field === 'string' ? /^items\[(\d+)\]/.exec(field)?.[1] : undefined
  const position = typeof index === 'number' ? index : named === undefined ? undefined : Number(named)
  return position !== undefined && position >= 0 && position < count ? position : undefined
}

/** The position in the batch says nothing to whoever reads the report, which names the item itself. */
function withoutPosition({ code, message }: PlainError): PlainError {
  return { code, message: message.replace(/^item \d+(?: \(.*?\))?: /, '') }
}
