import { createRequire } from 'node:module'
import type { HierarchicalNSW } from 'hnswlib-node'
import { EngineError } from '../core/errors.js'
import { distance, type Metric } from '../core/metrics.js'
import type { IndexSearchOptions, Neighbour, VectorIndex } from '../core/vector-index.js'
import { norm } from '../core/vectors.js'
import { arrangeHnswFile } from './arrange-file.js'
import { checkK, checkLabel, checkVector, LABEL_END, refuseReuse } from './check-input.js'
import { checkHnswFile, markApart, readHnswFile } from './hnsw-file.js'
import { elementBytesOf, largestCapacity, roomyCapacity } from './hnsw-layout.js'
import {
  checkRange,
  DEFAULT_EF,
  DEFAULT_SEED,
  type GraphSettings,
  graphSettings,
  type HnswCreateOptions,
  type HnswOptions,
} from './hnsw-options.js'
import { HnswSpace } from './hnsw-space.js'
import { LabelSet } from './label-set.js'
import { replaceFile } from './replace-file.js'
import { SideVectors } from './side-vectors.js'

export { DEFAULT_EF, DEFAULT_EF_CONSTRUCTION, DEFAULT_M } from './hnsw-options.js'

/** Fewer vectors than this that the graph does not hold yet are always compared one by one. */
const FEW_LATE = 1024

/**
 * An approximate index: hnswlib's hierarchical navigable small world graph.
 *
 * Every label is kept for good, live or dead: adding one again would change the vector in place, which is slow and
 * leaves others unfindable. Dead vectors stay in the graph as ways to the others and are left out of answers here; to
 * hnswlib they are marked only in files, because an insertion among none but marked ones makes an element without
 * links, or a crash. Rebuild when many are dead: searches widen in proportion.
 *
 * Dot over vectors of any length finds what is there only if the graph was given them in descending order of their
 * norms. Those that come too late are compared one by one; once they are as many as the graph holds, and before a save,
 * the graph is built anew, which blocks. Bulk builds give them in order.
 */
export class HnswIndex implements VectorIndex {
  readonly metric: Metric
  readonly dim: number
  readonly unit: boolean
  readonly #settings: GraphSettings
  readonly #vectorOf: ((label: number) => Float32Array | undefined) | undefined
  readonly #labels: LabelSet
  /** Vectors that the graph does not hold yet; only where the order matters. */
  readonly #late = new SideVectors()
  /** Vectors that the graph holds where searches do not come across them. */
  readonly #apart = new SideVectors()
  #space: HnswSpace
  #graph: HierarchicalNSW
  /** The least norm in the graph, where the order matters. */
  #leastNorm = 0
  #saving = false

  private constructor(
    options: HnswOptions,
    settings: GraphSettings,
    space: HnswSpace,
    content: { graph: HierarchicalNSW; labels: LabelSet },
  ) {
    this.metric = options.metric
    this.dim = options.dim
    this.unit = options.unit ?? false
    this.#settings = settings
    this.#vectorOf = options.vectorOf
    this.#space = space
    this.#graph = content.graph
    this.#labels = content.labels
  }

  /** @throws EngineError INVALID_REQUEST, NATIVE_ADDON_MISSING */
  static create(options: HnswCreateOptions): HnswIndex {
    const settings = graphSettings(options)
    const space = new HnswSpace(options)
    const capacity = roomyCapacity(settings.capacity, elementBytesOf(space.dim, settings.m))
    const graph = emptyGraph(space, { ...settings, capacity })
    return new HnswIndex(options, settings, space, { graph, labels: new LabelSet() })
  }

  /**
   * Reads what {@link save} wrote, with the options the index had. The file's structure is checked, its numbers are
   * not: compare a checksum before.
   *
   * @throws EngineError INDEX_INVALID, NATIVE_ADDON_MISSING
   */
  static async load(path: string, options: HnswOptions): Promise<HnswIndex> {
    const space = new HnswSpace(options)
    const file = await readHnswFile(path, space.dim)
    // a graph that failed to read crashes at its next use, so each file gets a new one
    const graph = newGraph(space)
    try {
      await graph.readIndex(path)
    } catch (error) {
      const message = `${path} could not be read; it must be rebuilt`
      throw new EngineError('INDEX_INVALID', message, { cause: error })
    }
    const labels = LabelSet.from(file.labels, file.dead)
    for (const label of labels.deadOnes()) graph.unmarkDelete(label)
    const { count, capacity, m, efConstruction } = file
    const settings = { capacity, m, efConstruction, seed: DEFAULT_SEED }
    const actual = count === 0 ? space : space.ofPoint(graph.getPoint(labels.last))
    const index = new HnswIndex(options, settings, actual, { graph, labels })
    for (const label of file.apart) index.setApart(label)
    return index
  }

  get count(): number {
    return this.#labels.live
  }

  /** Vectors that were removed or replaced and are still in the graph. */
  get deadCount(): number {
    return this.#labels.dead
  }

  /** Live vectors that are compared one by one; see {@link setApart}. */
  get apartCount(): number {
    return this.#apart.labels().filter((label) => this.has(label)).length
  }

  /** The largest label ever taken; -1 for none. */
  get lastLabel(): number {
    return this.#labels.last
  }

  get m(): number {
    return this.#settings.m
  }

  get efConstruction(): number {
    return this.#settings.efConstruction
  }

  has(label: number): boolean {
    return this.#labels.isLive(label)
  }

  /** Whether the label was ever taken, and so is refused. */
  knows(label: number): boolean {
    return this.#labels.isKnown(label)
  }

  /** All labels ever taken, dead ones included, ascending. */
  labels(): Uint32Array {
    return this.#labels.all()
  }

  /** Compares a live vector one by one from now on, beside asking the graph; files keep that. For `auditIndex`. */
  setApart(label: number): void {
    if (this.has(label) && !this.#late.get(label))
      this.#apart.set(label, this.#space.raw(this.#graph.getPoint(label)))
  }

  /** As the port says. @throws EngineError BUSY while {@link save} runs, INVALID_VECTOR (euclidean) for a norm above 1e18 */
  add(label: number, vector: Float32Array): void {
    if (this.#saving)
      throw new EngineError('BUSY', 'the index is being written to a file; add to it afterwards')
    checkLabel(label)
    if (this.#labels.isKnown(label))
      refuseReuse(label, this.#labels.isLive(label) ? 'is in the index' : 'was in the index and removed')
    const name = `vector of label ${label}`
    const length = checkVector(vector, this.dim, this.metric, name)
    this.#space.checkNorm(length, name)
    if (this.#space.reduced) this.#addInOrder(label, vector, length)
    else this.#link(label, vector, length)
    this.#labels.add(label)
    if (this.#late.size >= Math.max(FEW_LATE, this.#graph.getCurrentCount())) this.#rebuild()
  }

  update(label: number, newLabel: number, vector: Float32Array): void {
    this.add(newLabel, vector)
    this.remove(label)
  }

  remove(label: number): boolean {
    return this.#labels.kill(label)
  }

  /**
   * As the port says. `ef` is 1 or more, default {@link DEFAULT_EF}, and never less than `k`. A filter is called from
   * within hnswlib for every vector on the way, about a microsecond each: for rare labels scan a table instead.
   */
  search(query: Float32Array, k: number, options: IndexSearchOptions = {}): Neighbour[] {
    const found = this.candidates(query, k, options)
    for (const neighbour of found) {
      const raw = this.#vectorOf?.(neighbour.label) ?? this.#stored(neighbour.label)
      neighbour.distance = raw ? distance(this.metric, query, raw) : this.#space.distance(neighbour.distance)
    }
    return found.sort((a, b) => a.distance - b.distance || a.label - b.label)
  }

  /**
   * As {@link search}, for owners who compute distances themselves: those given here are hnswlib's own and mean nothing
   * outside, but they ascend.
   */
  candidates(query: Float32Array, k: number, options: IndexSearchOptions = {}): Neighbour[] {
    checkK(k)
    const { ef = DEFAULT_EF, filter } = options
    checkRange('ef', ef, 1, LABEL_END - 1)
    const length = checkVector(query, this.dim, this.metric, 'query')
    this.#space.checkNorm(length, 'query')
    const wanted = Math.min(k, this.#graph.getCurrentCount(), this.#labels.live)
    if (wanted === 0) return []
    const point = this.#space.queryPoint(query, length)
    const found = filter ? this.#askFiltered(point, wanted, ef, filter) : this.#askLive(point, wanted, ef)
    if (this.#late.size + this.#apart.size === 0) return found
    const question = {
      k,
      distance: (vector: Float32Array) => this.#space.foundDistance(query, length, vector),
      accepts: (label: number) => this.#labels.isLive(label) && (!filter || filter(label)),
    }
    return this.#apart.join(this.#late.join(found, question), question)
  }

  /**
   * Searches may go on meanwhile; {@link add} is refused with BUSY.
   *
   * @param options.arrange lays the file out so that searches of what is loaded from it are faster, by 5 to 15 %; blocks
   *   the thread, about 0.2 s for 30,000 x 384. Default false.
   * @throws EngineError DISK_FULL, HOME_NOT_WRITABLE
   */
  async save(path: string, options: { arrange?: boolean } = {}): Promise<void> {
    if (this.#saving) throw new EngineError('BUSY', 'the index is being written to a file already')
    if (this.#late.size > 0) this.#rebuild()
    this.#saving = true
    const dead = this.#labels.deadOnes()
    const room = largestCapacity(this.#labels.size, elementBytesOf(this.#space.dim, this.m))
    try {
      if (this.#graph.getMaxElements() > room) this.#graph.resizeIndex(room)
      for (const label of dead) this.#graph.markDelete(label)
      await replaceFile(path, async (temporary) => {
        await this.#graph.writeIndex(temporary)
        // on a full disk hnswlib reports success
        await checkHnswFile(temporary, this.#space.dim).catch((error: unknown) => {
          const message = `${path} came out incomplete; the disk is probably full`
          throw new EngineError('DISK_FULL', message, { cause: error })
        })
        await markApart(temporary, this.#space.dim, new Set(this.#apart.labels()))
        if (options.arrange) await arrangeHnswFile(temporary, this.#space.dim)
      })
    } finally {
      for (const label of dead) this.#graph.unmarkDelete(label)
      this.#saving = false
    }
  }

  #ask(point: number[], k: number, ef: number, filter?: (label: number) => boolean): Neighbour[] {
    this.#graph.setEf(Math.max(ef, k))
    const { neighbors, distances } = this.#graph.searchKnn(point, k, filter)
    return neighbors.map((label, i) => ({ label, distance: distances[i] as number }))
  }

  #askLive(point: number[], k: number, ef: number): Neighbour[] {
    const { live, dead } = this.#labels
    if (dead === 0) return this.#ask(point, k, ef)
    const size = this.#graph.getCurrentCount()
    // as many more as are dead on average, then twice as many each time
    const share = Math.min(4, (live + dead) / live)
    let ask = Math.min(size, Math.ceil(k * share) + 8)
    for (;;) {
      const all = this.#ask(point, ask, Math.ceil(ef * share))
      const found = all.filter((neighbour) => this.#labels.isLive(neighbour.label)).slice(0, k)
      if (found.length === k || all.length < ask || ask === size) return found
      ask = Math.min(size, ask * 2)
    }
  }

  #askFiltered(point: number[], k: number, ef: number, filter: (label: number) => boolean): Neighbour[] {
    // hnswlib does not expect its callback to throw
    let failure: { error: unknown } | undefined
    const found = this.#ask(point, k, ef, (label) => {
      if (failure || !this.#labels.isLive(label)) return false
      try {
        return filter(label)
      } catch (error) {
        failure = { error }
        return false
      }
    })
    if (failure) throw failure.error
    return found
  }

  #addInOrder(label: number, vector: Float32Array, length: number): void {
    const empty = this.#graph.getCurrentCount() === 0
    if (!empty && length > this.#leastNorm) {
      this.#late.set(label, vector)
      return
    }
    if (empty) this.#space = this.#space.for(length)
    this.#link(label, vector, length)
    this.#leastNorm = length
  }

  #link(label: number, vector: Float32Array, length: number): void {
    const size = this.#graph.getCurrentCount()
    if (size === this.#graph.getMaxElements()) {
      const capacity = Math.min(LABEL_END - 1, Math.max(64, Math.ceil(size * 1.5)))
      if (capacity <= size)
        throw new EngineError('INTERNAL', 'the index holds 2^32 vectors and can hold no more')
      this.#graph.resizeIndex(capacity)
    }
    this.#graph.addPoint(this.#space.point(vector, length), label)
  }

  /** The raw vector of a live label, where hnswlib's own distance is too coarse. */
  #stored(label: number): Float32Array | undefined {
    if (!this.#space.reduced) return undefined
    return this.#late.get(label) ?? this.#space.raw(this.#graph.getPoint(label))
  }

  /** Gives the graph everything anew, in descending order of the norms; dead ones too, so that files know them. */
  #rebuild(): void {
    const all = Array.from(this.#labels.all(), (label) => {
      const vector = this.#stored(label) ?? new Float32Array(this.dim)
      return { label, vector, length: norm(vector) }
    })
    all.sort((a, b) => b.length - a.length)
    this.#space = this.#space.for(all[0]?.length ?? 1)
    this.#graph = emptyGraph(this.#space, { ...this.#settings, capacity: Math.ceil(all.length * 1.5) })
    for (const { label, vector, length } of all) this.#link(label, vector, length)
    this.#leastNorm = all.at(-1)?.length ?? 0
    this.#late.clear()
    this.#apart.clear()
  }
}

let addon: typeof import('hnswlib-node') | undefined

function newGraph(space: HnswSpace): HierarchicalNSW {
  try {
    addon ??= createRequire(import.meta.url)('hnswlib-node') as typeof import('hnswlib-node')
  } catch (error) {
    throw new EngineError(
      'NATIVE_ADDON_MISSING',
      `the native addon of hnswlib-node is missing or does not fit Node ${process.version}; run: npm rebuild hnswlib-node`,
      { cause: error },
    )
  }
  return new addon.HierarchicalNSW(space.kind, space.dim)
}

function emptyGraph(space: HnswSpace, settings: GraphSettings): HierarchicalNSW {
  const graph = newGraph(space)
  graph.initIndex(settings.capacity, settings.m, settings.efConstruction, settings.seed)
  return graph
}
