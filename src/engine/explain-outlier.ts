import { strangestPassage } from '../anomaly/strangest-passage.js'
import type { ItemEvidence } from '../anomaly/usual-items.js'
import type { CollectionRecord, SpaceRecord, StoredItem } from '../core/backend.js'
import type { DetectionScores } from '../core/detection.js'
import { EngineError } from '../core/errors.js'
import { checkId } from '../core/names.js'
import type { Anomaly, OutlierExplanation } from '../core/types.js'
import type { ImageExplanation } from '../images/explain-image.js'
import { findDetectSpace } from './detect-request.js'
import { type DetectionPlace, readDetection } from './detection-service.js'
import { asksIndex, itemVector, nearestOf, scoringSpaces } from './detection-source.js'
import type { EngineContext } from './engine-context.js'
import { columnsOf } from './fitted-settings.js'
import { currentVersion } from './image-table.js'
import { sourceOf, storedDetection } from './judge-items.js'
import { withDetection } from './outliers.js'
import { checkFields } from './requests.js'
import { showAnomaly } from './show-item.js'

const FIELDS: ReadonlySet<string> = new Set(['space'])
/** Nearest normal items that are told. */
const TOLD = 5

/**
 * Why an item seems strange in a space; detectors are fitted first where there are none.
 *
 * @throws EngineError ITEM_NOT_FOUND, SPACE_NOT_FOUND, NOT_FOUND where the item has no vector there, TOO_FEW_ITEMS
 */
export async function explainOutlier(
  context: EngineContext,
  record: CollectionRecord,
  id: string,
  input: unknown,
): Promise<OutlierExplanation> {
  const { space: name } = checkFields(input, FIELDS, 'options')
  const asked = { space: findDetectSpace(record, name).name, reference: undefined, flags: undefined }
  const { space, detection } = await withDetection(context, record, asked)
  const fields = { vectors: true, anomaly: true, text: true }
  const item = (await context.backend.get(record.name, [checkId(id)], fields)).get(id)
  if (!item) {
    throw new EngineError('ITEM_NOT_FOUND', `there is no item ${JSON.stringify(id)} in "${record.name}"`)
  }
  const passages = item.vectors?.[space.name] ?? []
  const anomaly = showAnomaly(item, space.name)
  if (passages.length === 0 || anomaly?.space !== space.name) {
    const message = `item ${JSON.stringify(id)} has no vector in space "${space.name}", so it was not judged there`
    throw new EngineError('NOT_FOUND', message)
  }
  const place = await context.detections.place(record.name, space, detection)
  const vector = itemVector(passages, space)
  const nearest = await nearestNormal(context, record, place, { id, vector })
  const picture = await explainPicture(context, record, space, item)
  const evidence: ItemEvidence = {
    ...{ vector, nearest, scores: scoresOf(anomaly), names: columnsOf(space.settings) },
    report: readDetection(detection).report,
    passage: await passageOf(context, record, { place, item, passages }),
    region: picture?.region,
  }
  const reasons = await context.detections.thread.explain(storedDetection(place), evidence)
  return {
    ...{ id, space: space.name, anomaly, reasons, nearest: nearest.slice(0, TOLD) },
    ...(picture ? { picture: picture.png } : {}),
  }
}

async function nearestNormal(
  context: EngineContext,
  record: CollectionRecord,
  place: DetectionPlace,
  subject: { id: string; vector: Float32Array },
): Promise<{ id: string; distance: number }[]> {
  const [found = []] = await nearestOf(context, sourceOf(record, place), [subject])
  return found
}

async function explainPicture(
  context: EngineContext,
  record: CollectionRecord,
  space: SpaceRecord,
  { id, hasImage }: StoredItem,
): Promise<ImageExplanation | undefined> {
  const by = scoringSpaces(record, space).get('reconstruction')
  const image = by && hasImage ? await context.backend.image(record.name, id, { rendition: true }) : undefined
  if (!by || !image) return undefined
  const reconstruction = await context.fitted.use(record.name, by.name, currentVersion(by), (encoder) =>
    encoder.reconstruct(image.bytes),
  )
  return context.images.explain({ picture: image.bytes, reconstruction })
}

/** The passage of a text that is farthest from the passages of other items. */
async function passageOf(
  context: EngineContext,
  record: CollectionRecord,
  { place, item, passages }: { place: DetectionPlace; item: StoredItem; passages: readonly Float32Array[] },
): Promise<ItemEvidence['passage']> {
  const { space } = place
  if (passages.length < 2 || !asksIndex(space) || !item.text) return undefined
  const subjects = passages.map((vector) => ({ id: item.id, vector }))
  const nearest = await nearestOf(context, sourceOf(record, place), subjects)
  const distances = nearest.map(([first]) => first?.distance ?? Number.POSITIVE_INFINITY)
  const found = strangestPassage(passages, { distances })
  if (!found) return undefined
  // the item's own vector finds it, and where it stands in its text
  const { hits } = await context.backend.nearest(record.name, {
    ...{ space: space.name, encoder: space.encoder, metric: space.metrics[0] ?? 'cosine', k: 1 },
    vectors: [passages[found.index] as Float32Array],
    where: { op: 'eq', field: { kind: 'id' }, value: item.id },
  })
  const [hit] = hits
  return { ...found, text: hit ? item.text.slice(hit.start, hit.end) : item.text }
}

/** What was kept of an item's judgement, as row 0. */
function scoresOf({ score, pValue = 1, detectors = {} }: Anomaly): DetectionScores {
  return {
    verdict: Float64Array.of(score),
    pValues: Float64Array.of(pValue),
    detectors: Object.fromEntries(
      Object.entries(detectors).map(([name, said]) => [
        name,
        { scores: Float64Array.of(said.score), pValues: Float64Array.of(said.pValue) },
      ]),
    ),
  }
}
