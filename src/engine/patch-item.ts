import type {
  CollectionRecord,
  EncodedItem,
  ImageWrite,
  ItemStamp,
  ItemWrite,
  StoredItem,
} from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import type { Metadata, RenderedImageInput } from '../core/types.js'
import { type EngineContext, isImageSpace, isTextSpace, type TextSpace } from './engine-context.js'
import { contentHash, fingerprint, uniqueFingerprint } from './fingerprint.js'
import { ensureImageSpace } from './image-spaces.js'
import { ImageTable, liveVersions } from './image-table.js'
import { prepareImage, renderImage } from './item-image.js'
import { canonicalJson, checkMetadata, mergeMetadata } from './metadata.js'
import { PassageTable } from './passage-table.js'
import { checkText, checkVectors, emptyItem } from './prepare-item.js'
import { checkFields, isPlainObject, show } from './requests.js'

/** What to change of an item; what is not named stays. null takes a part away. */
export interface ItemChanges {
  text?: string | null
  /** Merged by JSON merge patch (RFC 7396): null removes a key, objects are merged. */
  metadata?: Metadata
  image?: Uint8Array | RenderedImageInput | null
  /** By space. */
  vectors?: Record<string, ArrayLike<number> | null>
}

const CHANGE_FIELDS: ReadonlySet<string> = new Set(['text', 'metadata', 'image', 'vectors'])
const MAX_TRIES = 10

/** Changes that were checked. */
interface PreparedChanges {
  text: string | null | undefined
  metadata: Metadata | undefined
  image: ImageWrite | null | undefined
  vectors: Map<string, Float32Array | null>
}

/** What a patch has made so far, kept while it is tried. */
interface Encoded {
  passages: PassageTable
  images: ImageTable
}

/** Checks changes, and renders the picture if there is one. @throws EngineError as `prepareItem` */
export async function prepareChanges(
  context: EngineContext,
  input: unknown,
  record: CollectionRecord,
): Promise<PreparedChanges> {
  const { text, metadata, image, vectors } = checkFields(input, CHANGE_FIELDS, 'changes')
  const given = isPlainObject(vectors) ? Object.entries(vectors) : []
  const removed = given.filter(([, value]) => value === null).map(([space]) => space)
  const set = isPlainObject(vectors)
    ? Object.fromEntries(given.filter(([, value]) => value !== null))
    : vectors
  // a removed vector's space is checked as one that is set
  const placeholder = (space: string): number[] =>
    new Array(record.spaces.find((known) => known.name === space)?.dim ?? 0).fill(1)
  checkVectors(Object.fromEntries(removed.map((space) => [space, placeholder(space)])), record)
  return {
    text: text === undefined || text === null ? text : checkText(text, 'text'),
    metadata: metadata === undefined ? undefined : checkMetadata(metadata).metadata,
    image:
      image === undefined || image === null
        ? image
        : await renderImage(context.images, await prepareImage(image)),
    vectors: new Map<string, Float32Array | null>([
      ...(set === undefined ? [] : checkVectors(set, record)),
      ...removed.map((space): [string, null] => [space, null]),
    ]),
  }
}

/**
 * Reads the item, changes it and writes it back if nobody wrote it meanwhile, else begins again.
 *
 * @throws EngineError ITEM_NOT_FOUND
 * @throws EngineError CONFLICT after 10 tries
 */
export async function patchItem(
  context: EngineContext,
  collection: string,
  id: string,
  changes: PreparedChanges,
): Promise<void> {
  const encoded: Encoded = { passages: new PassageTable(), images: new ImageTable() }
  for (let tries = 1; ; tries++) {
    let record = await context.records.read(collection)
    if (changes.image) record = await ensureImageSpace(context, record, [changes.image.rendition.bytes])
    const now = await readItem(context, collection, id)
    const write = now && (await changedItem(context, record, now, changes, encoded))
    try {
      if (write) return await context.backend.upsert(collection, [write])
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      // another encoder since the record was read, or another write of the item
      if (error.code === 'ENCODER_MISMATCH' && tries < MAX_TRIES) context.records.forget(collection)
      else if (error.code !== 'CONFLICT') throw error
    }
    if (tries >= MAX_TRIES) {
      const message = `item ${show(id)} was written by others ${tries} times while it was being changed; try again`
      throw new EngineError('CONFLICT', message, { details: { ids: [id] } })
    }
  }
}

interface CurrentItem {
  stored: StoredItem
  stamp: ItemStamp
}

/** @returns undefined if it was written between the two reads */
async function readItem(
  context: EngineContext,
  collection: string,
  id: string,
): Promise<CurrentItem | undefined> {
  const [items, stamps] = await Promise.all([
    context.backend.get(collection, [id], { metadata: true, text: true }),
    context.backend.stamps(collection, [id]),
  ])
  const stored = items.get(id)
  const stamp = stamps.get(id)
  if (stored === undefined && stamp === undefined) {
    throw new EngineError('ITEM_NOT_FOUND', `collection "${collection}" has no item ${show(id)}`)
  }
  return stored && stamp && stored.revision === stamp.revision ? { stored, stamp } : undefined
}

async function changedItem(
  context: EngineContext,
  record: CollectionRecord,
  { stored, stamp }: CurrentItem,
  changes: PreparedChanges,
  encoded: Encoded,
): Promise<ItemWrite> {
  const text = changes.text === undefined ? (stored.text ?? null) : changes.text
  const textHash = text === null ? null : await contentHash(text)
  const before = stored.metadata ?? {}
  const { metadata } = checkMetadata(changes.metadata ? mergeMetadata(before, changes.metadata) : before)
  const image = changes.image === undefined ? (stamp.hasImage ? 'keep' : null) : changes.image

  const vectors: ItemWrite['vectors'] = {}
  for (const space of record.spaces) {
    if (isTextSpace(space)) {
      if (text === null || textHash === null) continue
      const same = textHash === stamp.textHash && stamp.spaces.includes(space.name)
      vectors[space.name] = same ? 'keep' : await ofText(context, space, encoded.passages, text, textHash)
      continue
    }
    if (isImageSpace(space)) {
      if (image === null) continue
      const known = image === 'keep' || image.hash === stamp.imageHash
      // a picture that stays but has no vector here yet gets it from whoever fills the space
      if (known && stamp.spaces.includes(space.name)) vectors[space.name] = 'keep'
      else if (image !== 'keep')
        vectors[space.name] = await ofImage(context, record, space, encoded.images, image)
      continue
    }
    const vector = changes.vectors.get(space.name)
    if (vector) {
      const passages = [{ vector, start: 0, end: text?.length ?? 0 }]
      vectors[space.name] = [{ encoder: null, passages }]
    } else if (vector === undefined && stamp.spaces.includes(space.name)) {
      vectors[space.name] = 'keep'
    }
  }
  const holdsVectors = record.spaces.some(
    (space) => space.input === 'vectors' && vectors[space.name] !== undefined,
  )
  if (text === null && image === null && !holdsVectors) throw emptyItem()

  const print = fingerprintOf({ textHash, metadata, image, vectors }, record)
  return {
    id: stored.id,
    text,
    textHash,
    metadata,
    image,
    vectors,
    fingerprint: print,
    ifRevision: stored.revision,
  }
}

async function ofText(
  context: EngineContext,
  space: TextSpace,
  table: PassageTable,
  text: string,
  textHash: string,
): Promise<EncodedItem[]> {
  await table.encode(context, space, new Map([[textHash, text]]), {})
  return [{ encoder: space.encoder, passages: table.get(space.encoder, textHash) ?? [] }]
}

async function ofImage(
  context: EngineContext,
  record: CollectionRecord,
  space: CollectionRecord['spaces'][number],
  table: ImageTable,
  { hash, rendition }: ImageWrite,
): Promise<EncodedItem[]> {
  const encoded: EncodedItem[] = []
  const versions = liveVersions(space)
  const renditions = new Map([[hash, rendition.bytes]])
  const wanted = versions.map((version) => ({ space: space.name, version, renditions }))
  for (const round of table.plan(wanted)) await table.encode(context, record.name, round)
  for (const version of versions) {
    const item = table.get(version.encoder ?? '', hash)
    if (item) encoded.push(item)
  }
  return encoded
}

/** The fingerprint that adding the whole item would give, as far as the whole item is known here. */
function fingerprintOf(
  write: Pick<ItemWrite, 'textHash' | 'metadata' | 'image' | 'vectors'>,
  record: CollectionRecord,
): string {
  const vectors: [string, Float32Array][] = []
  for (const space of record.spaces.filter(({ input }) => input === 'vectors')) {
    const written = write.vectors[space.name]
    if (written === 'keep') return uniqueFingerprint()
    const vector = written?.[0]?.passages[0]?.vector
    if (vector) vectors.push([space.name, vector])
  }
  if (write.image === 'keep') return uniqueFingerprint()
  return fingerprint({
    textHash: write.textHash,
    metadata: canonicalJson(write.metadata),
    imageHash: write.image?.hash ?? null,
    vectors: vectors.sort(([a], [b]) => (a < b ? -1 : 1)),
  })
}
