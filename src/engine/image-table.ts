import { judge } from '../anomaly/held-out-scores.js'
import type { AnomalyScore, EncodedItem, SpaceRecord } from '../core/backend.js'
import type { EncodedImage, ImageEncoder } from '../core/image-encoder.js'
import type { EngineContext } from './engine-context.js'
import { describeAlike, type FittedVersion, type VersionPlace } from './fitted-encoders.js'
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

/** Pictures that an encoder version is to encode: renditions by hash. */
export interface WantedPictures extends VersionPlace {
  renditions: ReadonlyMap<string, Uint8Array>
}

/** Pictures that are encoded in one go, by one version or by several that look at the same pixels. */
export interface PictureRound extends WantedPictures {
  beside: VersionPlace[]
}

/** What image encoders make of pictures, by encoder id and hash, so that a picture is encoded once a call. */
export class ImageTable {
  readonly #byEncoder = new Map<string, Map<string, EncodedItem>>()

  get(encoder: string, hash: string): EncodedItem | undefined {
    return this.#byEncoder.get(encoder)?.get(hash)
  }

  /** What of it the table does not hold yet, in as few rounds as there can be. */
  plan(wanted: readonly WantedPictures[]): PictureRound[] {
    const rounds: PictureRound[] = []
    for (const { space, version, renditions } of wanted) {
      const id = version.encoder ?? ''
      // two spaces may have one encoder
      const planned = rounds.filter((round) =>
        [round, ...round.beside].some((place) => place.version.encoder === version.encoder),
      )
      const missing = new Map(
        [...renditions].filter(
          ([hash]) => !this.get(id, hash) && !planned.some((round) => round.renditions.has(hash)),
        ),
      )
      if (missing.size === 0) continue
      const fitting = rounds.find(
        (round) => describeAlike(round.version, version) && sameKeys(round.renditions, missing),
      )
      if (fitting) fitting.beside.push({ space, version })
      else rounds.push({ space, version, renditions: missing, beside: [] })
    }
    return rounds
  }

  /**
   * Encodes the pictures of a round.
   *
   * @throws EngineError as `FittedEncoders.use` and `ImageEncoder.encode`
   */
  async encode(
    context: EngineContext,
    collection: string,
    { space, version, renditions, beside }: PictureRound,
    { signal, onProgress }: { signal?: AbortSignal; onProgress?: (done: number) => void } = {},
  ): Promise<void> {
    const pictures = [...renditions]
    const encodeAll = async (encoder: ImageEncoder): Promise<void> => {
      for (let from = 0; from < pictures.length; from += ENCODE_STEP) {
        const step = pictures.slice(from, from + ENCODE_STEP)
        const encoded = await encoder.encode(
          step.map(([, rendition]) => rendition),
          { signal, onProgress: onProgress && ((done) => onProgress(from + done)) },
        )
        for (const [i, [hash]] of step.entries()) {
          this.#keep(version, hash, encoded[i])
          for (const [other, place] of beside.entries())
            this.#keep(place.version, hash, encoded[i]?.beside?.[other])
        }
      }
    }
    await context.fitted.use(collection, space, version, encodeAll, beside)
  }

  #keep(version: FittedVersion, hash: string, image: EncodedImage | undefined): void {
    if (!image) return
    const id = version.encoder ?? ''
    const known = this.#byEncoder.get(id) ?? new Map<string, EncodedItem>()
    known.set(hash, toEncodedItem(image, version))
    this.#byEncoder.set(id, known)
  }
}

function sameKeys(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean {
  return a.size === b.size && [...a.keys()].every((key) => b.has(key))
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
