import { LIMITS } from '../core/limits.js'
import { checkId } from '../core/names.js'
import type {
  AddReceipt,
  CollectionSummary,
  Include,
  Item,
  ItemInput,
  SearchAnswer,
  SearchRequest,
} from '../core/types.js'
import { type AddOptions, addItems } from './add-items.js'
import { summarize } from './collection-summary.js'
import type { EngineContext } from './engine-context.js'
import { type ItemChanges, patchItem, prepareChanges } from './patch-item.js'
import { unknownSpace } from './prepare-item.js'
import { prepareItems } from './prepare-items.js'
import { checkFields, checkInteger, invalid, show } from './requests.js'
import { runSearch } from './search.js'
import { checkInclude, checkSearch } from './search-request.js'
import { showItem } from './show-item.js'
import { Space } from './space.js'

const DEFAULT_INCLUDE: readonly Include[] = ['metadata', 'text']
const DEFAULT_PAGE = 100
const GET_FIELDS: ReadonlySet<string> = new Set(['include'])
const LIST_FIELDS: ReadonlySet<string> = new Set(['limit', 'cursor', 'include'])

/** Items under one name. Made by {@link Kindred.collection}; every method throws CLOSED after the engine's end. */
export class Collection {
  readonly name: string
  readonly #context: EngineContext

  /** For the engine alone. */
  constructor(context: EngineContext, name: string) {
    this.name = name
    this.#context = context
  }

  /**
   * Writes items; one that is there already is replaced whole. All or nothing: one that is refused refuses all.
   * Resolves after the commit. Texts that have not changed are not encoded again, items that have not changed are
   * not written.
   *
   * @param items must not be changed until it has resolved; afterwards nothing of them is held
   * @throws EngineError naming the item, with `details: { index, id, field }`
   */
  async add(items: readonly ItemInput[], options: AddOptions = {}): Promise<AddReceipt> {
    return this.#context.lifetime.write(async () => {
      const record = await this.#context.records.read(this.name)
      const prepared = await prepareItems(items, record, options.signal)
      return addItems(this.#context, record, prepared, options)
    })
  }

  /**
   * Changes one item: what is named is replaced, metadata is merged (RFC 7396), null takes away, the rest stays.
   * Patches of one item at the same time all land.
   *
   * @throws EngineError ITEM_NOT_FOUND
   */
  async patch(id: string, changes: ItemChanges): Promise<void> {
    return this.#context.lifetime.write(async () => {
      checkId(id)
      const record = await this.#context.records.read(this.name)
      const prepared = prepareChanges(changes, record)
      await this.#context.patches.run(JSON.stringify([this.name, id]), () =>
        patchItem(this.#context, record, id, prepared),
      )
    })
  }

  /** @param options.include default: metadata and text */
  async get(id: string, options: { include?: Include[] } = {}): Promise<Item | undefined> {
    this.#context.lifetime.check()
    checkId(id)
    const { include = DEFAULT_INCLUDE } = checkFields(options, GET_FIELDS, 'options')
    const fields = checkInclude(include)
    const stored = (await this.#context.backend.get(this.name, [id], fields)).get(id)
    return stored && showItem(stored, fields)
  }

  /**
   * A page of items in the order of their first writing, which is stable under writes.
   *
   * @param options.limit 1 to 1,000, default 100
   * @param options.cursor of the page before; the last page has none
   * @param options.include default: metadata and text
   */
  async list(
    options: { limit?: number; cursor?: string; include?: Include[] } = {},
  ): Promise<{ items: Item[]; cursor?: string }> {
    this.#context.lifetime.check()
    const {
      limit = DEFAULT_PAGE,
      cursor,
      include = DEFAULT_INCLUDE,
    } = checkFields(options, LIST_FIELDS, 'options')
    if (cursor !== undefined && typeof cursor !== 'string') {
      throw invalid('cursor', `cursor must be a string from the page before, got ${show(cursor)}`)
    }
    const fields = checkInclude(include)
    const query = { limit: checkInteger(limit, 'limit', 1, LIMITS.pageItems), cursor, fields }
    const page = await this.#context.backend.list(this.name, query)
    const items = page.items.map((item) => showItem(item, fields))
    return page.cursor === undefined ? { items } : { items, cursor: page.cursor }
  }

  /** @returns how many of them were there */
  async remove(ids: readonly string[]): Promise<{ deleted: number }> {
    return this.#context.lifetime.write(async () => {
      if (!Array.isArray(ids)) throw invalid('ids', `ids must be an array of ids, got ${show(ids)}`)
      const distinct = [...new Set(ids.map(checkId))]
      const removed = await this.#context.backend.remove(this.name, distinct)
      return { deleted: removed.length }
    })
  }

  /** The picture as it was given, with its media type. */
  async image(id: string): Promise<{ bytes: Uint8Array; type: string } | undefined> {
    this.#context.lifetime.check()
    return this.#context.backend.image(this.name, checkId(id))
  }

  /**
   * Finds what is nearest; every write acknowledged before is seen.
   *
   * @returns at most `k` items, the best first
   * @throws EngineError INVALID_REQUEST naming the field, UNSUPPORTED, ITEM_NOT_FOUND (a query by id), CANCELLED, …
   */
  async search(request: SearchRequest, options: { signal?: AbortSignal } = {}): Promise<SearchAnswer> {
    const began = performance.now()
    this.#context.lifetime.check()
    const { records } = this.#context
    const record = records.known(this.name) ?? (await records.read(this.name))
    const checked = checkSearch(request, record)
    return runSearch(this.#context, record, checked, { signal: options.signal, began })
  }

  async summary(): Promise<CollectionSummary> {
    this.#context.lifetime.check()
    return summarize(await this.#context.backend.stats(this.name))
  }

  /** Resolves when all that was written so far is in the indexes; searches see it before that as well. */
  async settled(): Promise<void> {
    this.#context.lifetime.check()
    await this.#context.backend.settled(this.name)
  }

  /** @throws EngineError SPACE_NOT_FOUND */
  async space(name: string): Promise<Space> {
    this.#context.lifetime.check()
    const record = await this.#context.records.read(this.name)
    const space = record.spaces.find((known) => known.name === String(name).normalize('NFC'))
    if (!space) throw unknownSpace(String(name), record, 'space')
    return new Space(this.#context, this.name, space)
  }
}
