import type { CollectionRecord } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import { Pace } from './pace.js'
import { type PreparedItem, prepareItem } from './prepare-item.js'
import { invalid, show } from './requests.js'
import { VectorRoom } from './vector-room.js'

/**
 * Checks and copies a whole batch, in slices, before anything is written.
 *
 * @throws EngineError as `prepareItem`, with the item's position and id in the message and `details: { index, id, field }`
 * @throws EngineError DUPLICATE_ID where an id comes twice; `details.first` is its earlier position
 * @throws EngineError CANCELLED
 */
export async function prepareItems(
  inputs: readonly unknown[],
  record: CollectionRecord,
  signal?: AbortSignal,
): Promise<PreparedItem[]> {
  if (!Array.isArray(inputs)) throw invalid('items', `items must be an array, got ${show(inputs)}`)
  const pace = new Pace(signal)
  const room = new VectorRoom(inputs.length)
  const positions = new Map<string, number>()
  const prepared: PreparedItem[] = []
  const total = inputs.length
  for (let index = 0; index < total; index++) {
    if (pace.due) await pace.rest()
    const input: unknown = inputs[index]
    const item = await prepareItem(input, record, room).catch((error: unknown) => {
      throw namingItem(error, index, input)
    })
    const first = positions.get(item.id)
    if (first !== undefined) throw duplicate(item.id, first, index)
    positions.set(item.id, index)
    prepared.push(item)
  }
  return prepared
}

function duplicate(id: string, first: number, index: number): EngineError {
  return new EngineError(
    'DUPLICATE_ID',
    `items ${first} and ${index} both have the id ${show(id)}; an id stands once in a batch`,
    { details: { index, id, field: 'id', first } },
  )
}

function namingItem(error: unknown, index: number, input: unknown): unknown {
  if (!(error instanceof EngineError)) return error
  const id = typeof input === 'object' && input !== null && 'id' in input ? input.id : undefined
  const named = typeof id === 'string' ? ` (${show(id)})` : ''
  const field = error.details?.field ?? (error.code === 'INVALID_ID' ? 'id' : undefined)
  const details = { ...error.details, index, id: typeof id === 'string' ? id : undefined, field }
  return new EngineError(error.code, `item ${index}${named}: ${error.message}`, { details })
}
