import type { AnomalyScore, Backend, EncodedItem, ItemWrite, NewEncoderVersion } from '#src/core/backend.js'
import { seededRandom } from '#src/core/random.js'
import { imageWrite } from './backend-items.js'

/** Something that turns a picture's bytes into a vector, as an image encoder does, but at once. */
export interface ToyEncoder {
  id: string
  version: NewEncoderVersion
  vector(rendition: Uint8Array): Float32Array
  encode(rendition: Uint8Array): EncodedItem
}

/**
 * @param id part of what the vectors depend on
 * @param options.scores whether it also scores: by the picture's first byte, flagged from 200 on
 */
export function toyEncoder(id: string, dim: number, options: { scores?: boolean } = {}): ToyEncoder {
  const vector = (rendition: Uint8Array): Float32Array => {
    const seed = [...`${id} ${rendition.join()}`].reduce(
      (hash, letter) => (hash * 31 + letter.charCodeAt(0)) >>> 0,
      7,
    )
    const random = seededRandom(seed)
    return Float32Array.from({ length: dim }, () => random.normal())
  }
  return {
    id,
    version: {
      encoder: id,
      encoderName: 'toy',
      dim,
      metrics: ['cosine', 'euclidean'],
      unit: false,
      settings: { fittedOn: dim },
      report: { error: 0.25, of: id },
      files: { 'encoder.onnx': Uint8Array.of(1, 2, dim), 'empty.bin': new Uint8Array() },
    },
    vector,
    encode: (rendition) => ({
      encoder: id,
      passages: [{ vector: vector(rendition), start: 0, end: 0 }],
      ...(options.scores ? { anomalies: [toyScore(rendition)] } : {}),
    }),
  }
}

function toyScore(rendition: Uint8Array): AnomalyScore {
  const score = rendition[0] ?? 0
  return {
    detector: 'reconstruction',
    score,
    error: score / 1_000,
    percentile: score / 2.56,
    flagged: score >= 200,
  }
}

/** A picture whose first byte is given; all of them differ. */
export function toyPicture(first: number, rest = 0): Uint8Array {
  return Uint8Array.of(first, rest >> 8, rest & 255)
}

/** An item with a picture, encoded by the given encoders of a space. */
export function imageItem(
  id: string,
  rendition: Uint8Array,
  space = 'look',
  encoders: readonly ToyEncoder[] = [],
): ItemWrite {
  return {
    id,
    text: null,
    metadata: {},
    image: imageWrite({ rendition }),
    fingerprint: `print-${id}-${rendition.join()}`,
    textHash: null,
    vectors: encoders.length === 0 ? {} : { [space]: encoders.map((encoder) => encoder.encode(rendition)) },
  }
}

/** Which version of which space of which collection, and what encodes for it. */
export interface ToyVersion {
  collection: string
  space: string
  version: number
  encoder: ToyEncoder
}

/** Encodes what lacks the version, page by page, once. @returns how many were written */
export async function fillOnce(
  backend: Backend,
  { collection, space, version, encoder }: ToyVersion,
  limit = 100,
): Promise<number> {
  let filled = 0
  let cursor: string | undefined
  do {
    const page = await backend.images(collection, { limit, cursor, lacking: { space, version } })
    const rows = page.images.map(({ id, revision, rendition }) => {
      return { id, revision, encoded: encoder.encode(rendition) }
    })
    filled += await backend.fill(collection, space, version, rows)
    cursor = page.cursor
  } while (cursor !== undefined)
  return filled
}

/** Stages an encoder, fills it and makes it current, as the engine does. @returns its number */
export async function introduce(
  backend: Backend,
  collection: string,
  space: string,
  encoder: ToyEncoder,
): Promise<number> {
  const version = await backend.stageEncoder(collection, space, encoder.version)
  do await fillOnce(backend, { collection, space, version, encoder })
  while (!(await backend.promoteEncoder(collection, space, version)))
  return version
}
