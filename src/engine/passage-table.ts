import type { PassageVector } from '../core/backend.js'
import { type EngineContext, loadSpaceEncoder, type TextSpace } from './engine-context.js'

/** Texts of one call: an encoder takes only so many at once, and sorts by length what it has. */
const ENCODE_STEP = 16_384

/** Passages by encoder id and text hash, so that a text is encoded once however many items and spaces need it. */
export class PassageTable {
  readonly #byEncoder = new Map<string, Map<string, PassageVector[]>>()

  get(encoder: string, textHash: string): PassageVector[] | undefined {
    return this.#byEncoder.get(encoder)?.get(textHash)
  }

  /**
   * Encodes those of the texts that the table does not hold yet. No encoder is loaded if there are none.
   *
   * @param texts by hash
   * @throws EngineError as `loadSpaceEncoder` and `TextEncoder.encodePassages`
   */
  async encode(
    context: EngineContext,
    space: TextSpace,
    texts: ReadonlyMap<string, string>,
    { signal, onProgress }: { signal?: AbortSignal; onProgress?: (done: number) => void },
  ): Promise<void> {
    const known = this.#byEncoder.get(space.encoder) ?? new Map<string, PassageVector[]>()
    const missing = [...texts].filter(([hash]) => !known.has(hash))
    if (missing.length === 0) return
    const encoder = await loadSpaceEncoder(context, space)
    for (let from = 0; from < missing.length; from += ENCODE_STEP) {
      const step = missing.slice(from, from + ENCODE_STEP)
      const encoded = await encoder.encodePassages(
        step.map(([, text]) => text),
        { signal, onProgress: onProgress && ((done) => onProgress(from + done)) },
      )
      step.forEach(([hash], i) => {
        const passages = encoded[i]
        if (passages !== undefined) known.set(hash, passages)
      })
    }
    this.#byEncoder.set(space.encoder, known)
  }
}
