import type { DuplicateSummary } from '../core/types.js'
import type { Calls, Carried, MadePrint } from './duplicate-messages.js'
import { checkAborted, type DuplicateSearch } from './duplicate-search.js'
import { KINDS } from './duplicate-table.js'
import { DuplicatesThread } from './duplicates-thread.js'
import { similarPairs } from './similar-pairs.js'

/** Items read at once; with each may come 3 KB of fingerprints. */
const PAGE = 256
/** Pictures, and texts, that travel to the thread together. */
const CONTENTS = 64
/** Groups, and lists of pairs, that are taken from the thread at once: a few milliseconds. */
const TAKE = 500

/**
 * Finds a collection's duplicates and keeps them as its report. What was fingerprinted and compared before is not again.
 *
 * @throws EngineError CANCELLED, COLLECTION_NOT_FOUND, …
 */
export async function findDuplicates(search: DuplicateSearch): Promise<DuplicateSummary> {
  const thread = new DuplicatesThread()
  const cancel = (): void => thread.cancel()
  search.signal.addEventListener('abort', cancel, { once: true })
  try {
    checkAborted(search)
    return await new Finder(search, thread).find()
  } finally {
    search.signal.removeEventListener('abort', cancel)
    await thread.close()
  }
}

class Finder {
  readonly #search: DuplicateSearch
  readonly #thread: DuplicatesThread
  /** Those that match, where only some do and their vectors are compared. */
  readonly #matching: Set<string> | undefined

  constructor(search: DuplicateSearch, thread: DuplicatesThread) {
    this.#search = search
    this.#thread = thread
    this.#matching = search.where && search.space ? new Set() : undefined
    thread.onProgress = (done, total) => search.progress({ done, total })
  }

  async find(): Promise<DuplicateSummary> {
    const { backend, collection, settings, space, where, progress } = this.#search
    const ask = this.#thread.ask.bind(this.#thread)
    const items = await this.#load()
    if (settings.relations.includes('near')) {
      if (settings.by !== 'text') await this.#compareImages()
      if (settings.by !== 'image') await this.#compareTexts()
    }
    let vectors = 0
    if (space) {
      this.#phase('comparing vectors', 'items', items)
      for await (const { pairs, searched, compared } of similarPairs(this.#search, space, this.#matching)) {
        vectors += compared
        await ask('addSimilar', { pairs })
        progress({ done: searched })
      }
    }
    this.#phase('grouping', 'items', items)
    const found = await ask('group', { settings })
    const rows: string[] = []
    while (rows.length < found.groups) {
      rows.push(...(await ask('groupRows', { from: rows.length, limit: TAKE })))
    }
    const { texts, images, printedTexts, printedImages } = await ask('counts', {})
    const summary: DuplicateSummary = {
      collection,
      items,
      found,
      fingerprinted: { texts: printedTexts, images: printedImages },
      compared: { texts, images, vectors },
      options: { ...settings, space: space?.name ?? null, ...(where ? { where: where.written } : {}) },
      finishedAt: new Date().toISOString(),
    }
    checkAborted(this.#search)
    await backend.keepReport(collection, this.#search.report, { head: { ...summary }, rows })
    return summary
  }

  /** Reads all items, and makes and keeps the fingerprints that are lacking. @returns how many items there are */
  async #load(): Promise<number> {
    const { backend, collection, settings, where, progress } = this.#search
    const near = settings.relations.includes('near')
    // pairs that are kept are of all items
    const kinds = [
      ...(near && settings.by !== 'text' ? [KINDS.picture, ...(where ? [] : [KINDS.picturePairs])] : []),
      ...(near && settings.by !== 'image' ? [KINDS.text, ...(where ? [] : [KINDS.textPairs])] : []),
    ]
    const total = await backend.count(collection, where?.filter)
    this.#phase('reading', 'items', total)
    let done = 0
    let cursor: string | undefined
    do {
      checkAborted(this.#search)
      const page = await backend.contents(collection, {
        limit: PAGE,
        kinds,
        where: where?.filter,
        ...(cursor ? { cursor } : {}),
      })
      for (const { id } of page.items) this.#matching?.add(id)
      const lacking = await this.#thread.ask('load', { items: page.items })
      if (kinds.includes(KINDS.picture)) await this.#printPictures(lacking.pictures)
      if (kinds.includes(KINDS.text)) await this.#printTexts(lacking.texts)
      done += page.items.length
      progress({ done, total: Math.max(done, total) })
      cursor = page.cursor
    } while (cursor !== undefined)
    return done
  }

  async #printPictures(pictures: readonly Carried[]): Promise<void> {
    const { backend, collection } = this.#search
    for (const some of slices(pictures, CONTENTS)) {
      checkAborted(this.#search)
      const images = await Promise.all(
        some.map(({ id }) => backend.image(collection, id, { rendition: true })),
      )
      const renditions = images.map((image) => image?.bytes ?? null)
      await this.#keep(KINDS.picture, await this.#thread.ask('printPictures', { pictures: some, renditions }))
    }
  }

  async #printTexts(texts: readonly Carried[]): Promise<void> {
    for (const some of slices(texts, CONTENTS)) {
      checkAborted(this.#search)
      const values = await this.#textsOf(some)
      await this.#keep(KINDS.text, await this.#thread.ask('printTexts', { texts: some, values }))
    }
  }

  async #compareImages(): Promise<void> {
    this.#phase('comparing pictures', 'images')
    await this.#thread.ask('comparePictures', {})
    await this.#keepPairs('pictures', KINDS.picturePairs)
  }

  async #compareTexts(): Promise<void> {
    this.#phase('comparing texts', 'pairs')
    for (const pairing of ['pairTexts', 'pairTextsAgain'] as const) {
      const total = await this.#thread.ask(pairing, {})
      for (;;) {
        checkAborted(this.#search)
        const texts = await this.#thread.ask('nextTexts', {})
        if (texts.length === 0) break
        const done = await this.#thread.ask('compareTexts', { texts, values: await this.#textsOf(texts) })
        this.#search.progress({ done, total })
      }
    }
    await this.#keepPairs('texts', KINDS.textPairs)
  }

  async #textsOf(texts: readonly Carried[]): Promise<(string | null)[]> {
    const { backend, collection } = this.#search
    const ids = texts.map(({ id }) => id)
    const items = await backend.get(collection, ids, { text: true })
    return ids.map((id) => items.get(id)?.text ?? null)
  }

  async #keepPairs(of: 'texts' | 'pictures', kind: string): Promise<void> {
    if (this.#search.where) return
    for (let from: number | null = 0; from !== null; ) {
      const { made, next }: Calls['newPairs']['answer'] = await this.#thread.ask('newPairs', {
        of,
        from,
        limit: TAKE,
      })
      await this.#keep(kind, made)
      from = next
    }
  }

  async #keep(kind: string, made: readonly MadePrint[]): Promise<void> {
    checkAborted(this.#search)
    const { backend, collection } = this.#search
    if (made.length > 0) await backend.keepFingerprints(collection, kind, made)
  }

  #phase(message: string, unit: string, total = 0): void {
    this.#search.progress({ message, unit, done: 0, total })
  }
}

function* slices<T>(values: readonly T[], size: number): Generator<readonly T[], void, undefined> {
  for (let from = 0; from < values.length; from += size) yield values.slice(from, from + size)
}
