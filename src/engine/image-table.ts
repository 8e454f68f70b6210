import { judge } from '../anomaly/held-out-scores.js'
import type { AnomalyScore, EncodedItem, SpaceRecord } from '../core/backend.js'
import type { EncodedImage } from '../core/image-encoder.js'
import type { EngineContext } from './engine-context.js'
import type { FittedVersion } from './fitted-encoders.js'
import { heldOutOf } from './fitted-settings.js'

/** Images of one call, so that what is on its way stays small. */
const ENCODE_STEP = 256

/** The encoder version of a space that is searched. */
export function currentVersion(space: SpaceRecord): FittedVersion {
  const { encoder, encoderName, dim, unit, version, settings = {} } = space
  return { encoder, encoderName, dim, unit, version, settings }
}

/** The encoder versions of a space that a write must go to: the current one, and the staged one if there is one. */
export function liveVersions(space: SpaceRecord): FittedVersion[] {
  return space.staged ? [currentVersion(space), space.staged] : [currentVersion(space)]
}

/** What image encoders make of pictures, by encoder id and hash, so that a picture is encoded once a call. */
export class ImageTable {
  readonly #byEncoder = new Map<string, Map<string, EncodedItem>>()

  get(encoder: string, hash: string): EncodedItem | undefined {
    return this.#byEncoder.get(encoder)?.get(hash)
  }

  /**
   * Encodes those of the pictures that the table does not hold yet.
   *
   * @param renditions by hash
   * @throws EngineError as `FittedEncoders.use` and `ImageEncoder.encode`
   */
  async encode(
    context: EngineContext,
    place: { collection: string; space: string; version: FittedVersion },
    renditions: ReadonlyMap<string, Uint8Array>,
    { signal, onProgress }: { signal?: AbortSignal; onProgress?: (done: number) => void } = {},
  ): Promise<void> {
    const { collection, space, version } = place
    const id = version.encoder ?? ''
    const known = this.#byEncoder.get(id) ?? new Map<string, EncodedItem>()
    const missing = [...renditions].filter(([hash]) => !known.has(hash))
    if (missing.length === 0) return
    await context.fitted.use(collection, space, version, async (encoder) => {
      for (let from = 0; from < missing.length; from += ENCODE_STEP) {
        const step = missing.slice(from, from + ENCODE_STEP)
        const encoded = await encoder.encode(
          step.map(([, rendition]) => rendition),
          { signal, onProgress: onProgress && ((done) => onProgress(from + done)) },
        )
        step.forEach(([hash], i) => {
          const image = encoded[i]
          if (image) known.set(hash, toEncodedItem(image, version))
        })
      }
    })
    this.#byEncoder.set(id, known)
  }
}

/** An encoded picture as it is stored, judged by the encoder's held-out scores. */
export function toEncodedItem(image: EncodedImage, version: FittedVersion): EncodedItem {
  const item: EncodedItem = {
    encoder: version.encoder,
    passages: [{ vector: image.vector, start: 0, end: 0 }],
  }
  const anomalies = anomaliesOf(image, version)
  return anomalies.length > 0 ? { ...item, anomalies } : item
}

function anomaliesOf({ reconstruction }: EncodedImage, { settings }: FittedVersion): AnomalyScore[] {
  const held = heldOutOf(settings)
  if (!reconstruction || !held) return []
  const { error, score, nelbo } = reconstruction
  const scores: AnomalyScore[] = [{ detector: 'reconstruction', score, error, ...judge(score, held) }]
  const heldBounds = heldOutOf(settings, 'heldNelbo')
  if (nelbo !== undefined && heldBounds) {
    scores.push({ detector: 'nelbo', score: nelbo, error: null, ...judge(nelbo, heldBounds) })
  }
  return scores
}
