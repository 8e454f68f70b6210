import { createHash } from 'node:crypto'
import type { Backend, CollectionRecord, ImageWrite, ItemWrite } from '#src/core/backend.js'
import type { JobBoard } from '#src/core/jobs.js'
import type { Metric } from '#src/core/metrics.js'

/** A collection whose one space, `v`, takes the user's vectors. */
export function vectorCollection(
  name: string,
  dim: number,
  metrics: Metric[] = ['cosine'],
): CollectionRecord {
  const own = { encoder: null, encoderName: null, input: 'vectors', version: 1 } as const
  return { name, spaces: [{ name: 'v', ...own, dim, metrics, unit: false }] }
}

/** An item that has nothing but one vector in `v`. */
export function vectorItem(id: string, vector: Float32Array): ItemWrite {
  return {
    id,
    text: null,
    metadata: {},
    image: null,
    fingerprint: `${id}:${vector.join()}`,
    textHash: null,
    vectors: { v: [{ encoder: null, passages: [{ vector, start: 0, end: 0 }] }] },
  }
}

/** A picture as it is written; its bytes need not be one. */
export function imageWrite(parts: {
  rendition: Uint8Array
  original?: Uint8Array
  path?: string
}): ImageWrite {
  const { rendition, original, path = null } = parts
  return {
    width: 640,
    height: 480,
    hash: createHash('sha256')
      .update(original ?? rendition)
      .digest('hex'),
    rendition: { bytes: rendition, type: 'image/webp' },
    original: original ? { bytes: original, type: 'image/png' } : null,
    path,
  }
}

/** Ids of the nearest items to a vector of space `v`. */
export async function nearestIds(
  backend: Backend,
  collection: string,
  vector: Float32Array,
  options: { k?: number; metric?: Metric; exact?: boolean } = {},
): Promise<string[]> {
  const { k = 10, metric = 'cosine', exact = false } = options
  const query = { space: 'v', encoder: null, vectors: [vector], metric, k, exact }
  return (await backend.nearest(collection, query)).hits.map((hit) => hit.id)
}

/** Runs jobs and keeps what they said. */
export class RecordingJobs implements JobBoard {
  readonly messages: string[] = []
  readonly errors: unknown[] = []
  readonly #stop = new AbortController()

  start: JobBoard['start'] = (_options, work) => {
    const finished = work({
      signal: this.#stop.signal,
      progress: ({ message }) => {
        if (message) this.messages.push(message)
      },
    })
    finished.catch((error) => this.errors.push(error))
    return { id: String(this.messages.length), finished }
  }
}
