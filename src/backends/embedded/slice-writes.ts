import type { EncodedItem, ImageWrite, ItemWrite } from '../../core/backend.js'
import type { CollectionKeys, EncoderKeys } from './collection-keys.js'
import { encodedRows, keptVersions } from './encoded-rows.js'
import type { FillSlice, RowEncoded, RowFill, RowWrite, UpsertSlice } from './write-messages.js'

/** Items, floats, and bytes of pictures of one slice: small enough that posting it takes a few milliseconds at most. */
const SLICE_ITEMS = 500
const SLICE_FLOATS = 200_000
const SLICE_BYTES = 4 << 20

/** Items that lack an encoder version's vectors, with what it makes of them. */
export type FillRows = readonly { id: string; revision: number; encoded: EncodedItem }[]

/** The writes from `from` on that travel in one message, and where the next begins. */
export function sliceUpsert(
  keys: CollectionKeys,
  writes: readonly ItemWrite[],
  from: number,
): { message: UpsertSlice; next: number } {
  const rows: RowWrite[] = []
  const floats = new FloatParts()
  let bytes = 0
  let next = from
  for (; next < writes.length && rows.length < SLICE_ITEMS && floats.length < SLICE_FLOATS; next++) {
    const write = writes[next] as ItemWrite
    bytes += imageBytes(write.image)
    if (bytes > SLICE_BYTES && rows.length > 0) break
    const { id, text, textHash, fingerprint, image, ifRevision } = write
    rows.push({
      id,
      text,
      textHash,
      metadata: JSON.stringify(write.metadata),
      fingerprint,
      image,
      ifRevision,
      keep: keptVersions(keys, write),
      encoded: encodedRows(keys, write).map(({ version, encoded }) => floats.add(version, encoded)),
    })
  }
  const last = next >= writes.length
  const dims = dimsOf(keys.spaces.flatMap(({ versions }) => versions))
  return {
    message: {
      op: 'upsert',
      collection: keys.key,
      dims,
      rows,
      vectors: floats.joined(),
      first: from === 0,
      last,
    },
    next,
  }
}

/** As {@link sliceUpsert}, of rows that fill an encoder version. */
export function sliceFill(
  collection: number,
  version: EncoderKeys,
  rows: FillRows,
  from: number,
): { message: FillSlice; next: number } {
  const slice: RowFill[] = []
  const floats = new FloatParts()
  let next = from
  for (; next < rows.length && slice.length < SLICE_ITEMS && floats.length < SLICE_FLOATS; next++) {
    const { id, revision, encoded } = rows[next] as FillRows[number]
    slice.push({ id, revision, encoded: floats.add(version, encoded) })
  }
  const message = { op: 'fill', collection, dims: dimsOf([version]), rows: slice } as const
  return { message: { ...message, vectors: floats.joined() }, next }
}

/** Vectors on their way into one buffer. */
class FloatParts {
  readonly #parts: Float32Array[] = []
  length = 0

  add({ encoderKey }: EncoderKeys, { passages, anomalies = [] }: EncodedItem): RowEncoded {
    for (const { vector } of passages) {
      this.#parts.push(vector)
      this.length += vector.length
    }
    return { encoderKey, borders: passages.flatMap(({ start, end }) => [start, end]), anomalies }
  }

  joined(): Float32Array {
    const joined = new Float32Array(this.length)
    let at = 0
    for (const part of this.#parts) {
      joined.set(part, at)
      at += part.length
    }
    return joined
  }
}

function dimsOf(versions: readonly EncoderKeys[]): Record<number, number> {
  return Object.fromEntries(versions.map(({ encoderKey, dim }) => [encoderKey, dim]))
}

function imageBytes(image: ImageWrite | null | 'keep'): number {
  if (image === null || image === 'keep') return 0
  return image.rendition.bytes.length + (image.original?.bytes.length ?? 0)
}
