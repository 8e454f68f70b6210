import type { ItemContent } from '../core/backend.js'
import { comparePictures, type PicturePlanes, planesOf, templateOf } from './compare-pictures.js'
import { ContentTable } from './content-table.js'
import type { Calls, Carried, DuplicateSettings, Found, Lacking, MadePrint } from './duplicate-messages.js'
import { groupItems, type ItemRow } from './group-items.js'
import { likenessOf } from './judge-pictures.js'
import { HASHES, SIGNATURE_VERSION, signatureOf } from './min-hash.js'
import { PictureCandidates } from './picture-candidates.js'
import { PRINT_BYTES, PRINT_VERSION, printOf } from './picture-print.js'
import { nearestScale, shortVectors } from './short-vector.js'
import { type Pair, textCandidates } from './text-candidates.js'
import { jaccard, shinglesOf } from './text-shingles.js'

/** Kinds of the fingerprints that are kept with items. */
export const KINDS = {
  picture: 'picture',
  picturePairs: 'picture pairs',
  text: 'text',
  textPairs: 'text pairs',
} as const
/** The least scores that can be asked for: pairs below are not kept. */
export const LEAST = { picture: 0.9, text: 0.5 } as const
/** Texts of pairs that are held at once: their bytes, and their number. */
const HELD_BYTES = 16 << 20
const HELD_TEXTS = 300
/** Planes of pictures that are remembered, about 30 KB each. */
const HELD_PLANES = 1_000

/** What the work reports to, and asks whether to go on. */
export interface Run {
  progress(done: number, total: number): void
  /** @throws EngineError CANCELLED */
  check(): void
}

/** Everything known of a collection's texts and pictures while its duplicates are looked for. Slow: for a worker thread. */
export class DuplicateTable {
  readonly #run: Run
  readonly #rows: ItemRow[] = []
  readonly #numbers = new Map<string, number>()
  readonly #pictures = new ContentTable(PRINT_VERSION)
  readonly #texts = new ContentTable(SIGNATURE_VERSION)
  /** In UTF-8, by text. */
  readonly #textBytes: number[] = []
  /** By picture. */
  readonly #pixels: number[] = []
  readonly #planes = new Map<number, PicturePlanes>()
  readonly #similar = new Map<number, Map<number, number>>()
  #pairs: readonly Pair[] = []
  #nextPair = 0
  #chunk: Pair[] = []
  #groups: string[] = []
  #compared = { texts: 0, images: 0 }
  #printed = { texts: 0, images: 0 }

  constructor(run: Run) {
    this.#run = run
  }

  get counts() {
    const { texts, images } = this.#compared
    return { texts, images, printedTexts: this.#printed.texts, printedImages: this.#printed.images }
  }

  /** Adds items, in the order of first writing. */
  load(items: readonly ItemContent[]): Lacking {
    const lacking: Lacking = { texts: [], pictures: [] }
    for (const { id, textHash, textBytes, imageHash, pixels, fingerprints } of items) {
      const row: ItemRow = { id, text: -1, picture: -1, textBytes, pixels }
      if (imageHash !== null) {
        const kept = { print: fingerprints[KINDS.picture], pairs: fingerprints[KINDS.picturePairs] }
        const { content, first } = this.#pictures.add(imageHash, id, kept)
        row.picture = content
        this.#pixels[content] = pixels
        if (first && !this.#pictures.prints[content]) lacking.pictures.push({ content, id })
      }
      if (textHash !== null) {
        const kept = { print: fingerprints[KINDS.text], pairs: fingerprints[KINDS.textPairs] }
        const { content, first } = this.#texts.add(textHash, id, kept)
        row.text = content
        this.#textBytes[content] = textBytes
        if (first && !this.#texts.prints[content]) lacking.texts.push({ content, id })
      }
      this.#numbers.set(id, this.#rows.length)
      this.#rows.push(row)
    }
    return lacking
  }

  /** @param renditions null where a picture has gone meanwhile */
  async printPictures(
    pictures: readonly Carried[],
    renditions: readonly (Uint8Array | null)[],
  ): Promise<MadePrint[]> {
    const made: MadePrint[] = []
    for (const [i, { content, id }] of pictures.entries()) {
      this.#run.check()
      const rendition = renditions[i]
      // one that cannot be read is compared with none
      const bytes = rendition ? await printOf(rendition).catch(() => new Uint8Array()) : new Uint8Array()
      this.#pictures.prints[content] = bytes
      if (rendition) made.push({ id, source: this.#pictures.sourceOf(content), bytes })
      this.#printed.images++
    }
    return made
  }

  printTexts(texts: readonly Carried[], values: readonly (string | null)[]): MadePrint[] {
    const made: MadePrint[] = []
    for (const [i, { content, id }] of texts.entries()) {
      this.#run.check()
      const text = values[i]
      const shingles = text == null ? new Uint32Array() : shinglesOf(text)
      const bytes = shingles.length === 0 ? new Uint8Array() : bytesOf(signatureOf(shingles))
      this.#texts.prints[content] = bytes
      if (text != null) made.push({ id, source: this.#texts.sourceOf(content), bytes })
      this.#printed.texts++
    }
    return made
  }

  /** Compares the new pictures with those that may be the same. */
  comparePictures(): void {
    const table = this.#pictures
    table.takeStored()
    const usable = numbers(table.size).filter((picture) => table.prints[picture]?.length === PRINT_BYTES)
    const fresh = usable.filter((picture) => table.isNew[picture])
    if (fresh.length === 0) return
    const candidates = new PictureCandidates(usable.length, fresh.length)
    for (const picture of usable) {
      if (!table.isNew[picture]) candidates.add(picture, shortVectors(this.#print(picture)))
    }
    for (const [i, picture] of fresh.entries()) {
      this.#run.check()
      const vectors = shortVectors(this.#print(picture))
      this.#compareWith(picture, candidates.near(vectors))
      candidates.add(picture, vectors)
      this.#run.progress(i + 1, fresh.length)
    }
    const order = numbers(table.size).sort((a, b) => this.#pixelsOf(b) - this.#pixelsOf(a) || a - b)
    for (const [first, picture] of table.pairsWithFirst(order)) {
      this.#run.check()
      this.#compareWith(Math.max(first, picture), [Math.min(first, picture)])
    }
  }

  /** Finds the pairs of texts that must be compared. @returns how many there are */
  pairTexts(): number {
    const table = this.#texts
    table.takeStored()
    const usable = numbers(table.size).filter((text) => (table.prints[text]?.length ?? 0) === 4 * HASHES)
    const signatures = new Uint32Array(usable.length * HASHES)
    for (const [i, text] of usable.entries()) {
      signatures.set(wordsOf(table.prints[text] as Uint8Array), i * HASHES)
    }
    const isNew = (i: number): boolean => table.isNew[usable[i] as number] === true
    const pairs = textCandidates(signatures, isNew, () => this.#run.check())
    return this.#setPairs(pairs.map(([a, b]): Pair => [usable[a] as number, usable[b] as number]))
  }

  /** As {@link pairTexts}, when those are compared: each with the longest of those that it hangs together with. */
  pairTextsAgain(): number {
    const bytes = (text: number): number => this.#textBytes[text] ?? 0
    const order = numbers(this.#texts.size).sort((a, b) => bytes(b) - bytes(a) || a - b)
    return this.#setPairs(this.#texts.pairsWithFirst(order))
  }

  nextTexts(): Carried[] {
    const wanted = new Set<number>()
    let bytes = 0
    this.#chunk = []
    for (; this.#nextPair < this.#pairs.length; this.#nextPair++) {
      const pair = this.#pairs[this.#nextPair] as Pair
      const more = pair.filter((text) => !wanted.has(text))
      bytes += more.reduce((sum, text) => sum + (this.#textBytes[text] ?? 0), 0)
      if (this.#chunk.length > 0 && (bytes > HELD_BYTES || wanted.size + more.length > HELD_TEXTS)) break
      for (const text of more) wanted.add(text)
      this.#chunk.push(pair)
    }
    return Array.from(wanted, (content) => ({ content, id: this.#texts.carriers[content] as string }))
  }

  /** @returns how many pairs are compared so far */
  compareTexts(texts: readonly Carried[], values: readonly (string | null)[]): number {
    const shingles = new Map<number, Uint32Array>()
    for (const [i, { content }] of texts.entries()) {
      this.#run.check()
      const text = values[i]
      if (text != null) shingles.set(content, shinglesOf(text))
    }
    for (const [a, b] of this.#chunk) {
      const [left, right] = [shingles.get(a), shingles.get(b)]
      if (!left || !right) continue
      this.#compared.texts++
      const score = jaccard(left, right)
      if (score >= LEAST.text) this.#texts.link(a, b, score)
    }
    return this.#nextPair
  }

  newPairs({ of, from, limit }: Calls['newPairs']['asked']): Calls['newPairs']['answer'] {
    return (of === 'texts' ? this.#texts : this.#pictures).newPairs(from, limit)
  }

  addSimilar(pairs: readonly (readonly [a: string, b: string, cosine: number])[]): void {
    for (const [idA, idB, cosine] of pairs) {
      const [a, b] = [this.#numbers.get(idA), this.#numbers.get(idB)]
      if (a === undefined || b === undefined || a === b) continue
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const links = this.#similar.get(from) ?? new Map<number, number>()
        links.set(to, Math.max(cosine, links.get(to) ?? -1))
        this.#similar.set(from, links)
      }
    }
  }

  group(settings: DuplicateSettings): Found {
    const { rows, found } = groupItems({
      rows: this.#rows,
      pictureLinks: (picture) => this.#pictures.linksOf(picture),
      textLinks: (text) => this.#texts.linksOf(text),
      similarLinks: (item) => this.#similar.get(item),
      comparePictures: (a, b) => this.#likeness(Math.max(a, b), Math.min(a, b)),
      settings,
      check: () => this.#run.check(),
    })
    this.#groups = rows
    return found
  }

  groupRows(from: number, limit: number): string[] {
    return this.#groups.slice(from, from + limit)
  }

  #setPairs(pairs: readonly Pair[]): number {
    // by the later one, so that few texts are read twice
    this.#pairs = pairs.toSorted((a, b) => a[1] - b[1] || a[0] - b[0])
    this.#nextPair = 0
    return pairs.length
  }

  #pixelsOf(picture: number): number {
    return this.#pixels[picture] ?? 0
  }

  #print(picture: number): Uint8Array {
    return this.#pictures.prints[picture] as Uint8Array
  }

  #compareWith(picture: number, others: readonly number[]): void {
    if (others.length === 0) return
    const vectors = shortVectors(this.#print(picture))
    const template = templateOf(this.#planesOf(picture))
    for (const other of others) {
      const scale = nearestScale(vectors, shortVectors(this.#print(other)).plain)
      const score = likenessOf(comparePictures(template, this.#planesOf(other), scale))
      this.#compared.images++
      if (score >= LEAST.picture) this.#pictures.link(picture, other, score)
    }
  }

  /** Of two pictures that no index brought together; 0 where one of them could not be read. */
  #likeness(picture: number, other: number): number {
    const known = this.#pictures.linksOf(picture).get(other)
    if (known !== undefined) return known
    if (!this.#pictures.prints[picture]?.length || !this.#pictures.prints[other]?.length) return 0
    this.#compareWith(picture, [other])
    return this.#pictures.linksOf(picture).get(other) ?? 0
  }

  #planesOf(picture: number): PicturePlanes {
    const known = this.#planes.get(picture)
    if (known) return known
    const planes = planesOf(this.#print(picture))
    if (this.#planes.size >= HELD_PLANES) {
      for (const oldest of this.#planes.keys()) {
        this.#planes.delete(oldest)
        break
      }
    }
    this.#planes.set(picture, planes)
    return planes
  }
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

function bytesOf(signature: Uint32Array): Uint8Array {
  return new Uint8Array(signature.buffer, signature.byteOffset, signature.byteLength)
}

/** Bytes that came from elsewhere may begin anywhere. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(Uint8Array.from(bytes).buffer)
}
