import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { JobContext } from '../../core/jobs.js'
import type { Metric } from '../../core/metrics.js'
import { buildHnsw } from '../../indexes/build-index.js'
import { DEFAULT_EF, DEFAULT_EF_CONSTRUCTION, DEFAULT_M, HnswIndex } from '../../indexes/hnsw-index.js'
import { breadthFor } from '../../indexes/measure-recall.js'
import type { VectorTable } from '../../indexes/vector-table.js'
import type { EncoderKeys } from './collection-keys.js'
import { newSegmentFile, type SegmentFile, writeManifest } from './index-manifest.js'
import type { LoadedIndex } from './load-messages.js'
import { type BuildPlan, indexFrom, planBuild } from './plan-build.js'

const DEFAULT_RECALL = 0.99

/** A part of an index: the vectors with labels from `firstLabel` to `lastLabel`. */
export interface Segment extends SegmentFile {
  index: HnswIndex
  /** Labels marked as deleted since its file was written. */
  removed: number[]
}

/** What an index needs to know of the vectors it is over. */
export interface IndexSource {
  readonly keys: EncoderKeys
  readonly table: VectorTable
  /** The last change that the table holds, and its stamp. */
  readonly seq: number
  readonly stamp: string
}

/**
 * An HNSW index of one metric over a space's vectors, in segments by ranges of labels. What no segment covers yet,
 * the tail, is for the owner to scan. Segments are built in worker threads and swapped in whole.
 */
export class MetricIndex {
  readonly metric: Metric
  /** The last change that the saved files hold; 0 while there are none. */
  savedSeq = 0
  /** Why the cached index could not be used; undefined where there was none, or it could. */
  rebuildReason: string | undefined
  readonly #space: EncoderKeys
  readonly #source: IndexSource
  readonly #cacheDir: string
  readonly #epoch: string
  #segments: Segment[] = []
  /** Labels removed while a build runs, which may or may not have seen it. */
  #removedMeanwhile: number[] | undefined
  /** Labels removed since the manifest was written. */
  #removedSinceSaved = 0

  constructor(options: {
    metric: Metric
    space: EncoderKeys
    source: IndexSource
    cacheDir: string
    epoch: string
  }) {
    this.metric = options.metric
    this.#space = options.space
    this.#source = options.source
    this.#cacheDir = options.cacheDir
    this.#epoch = options.epoch
  }

  get segments(): readonly Segment[] {
    return this.#segments
  }

  /** The last label that is indexed; what comes after it is the tail. */
  get lastLabel(): number {
    return this.#segments.at(-1)?.lastLabel ?? -1
  }

  /** Whether a segment is being built. */
  get building(): boolean {
    return this.#removedMeanwhile !== undefined
  }

  /** Live vectors in the segments. */
  get indexed(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.index.count, 0)
  }

  /**
   * The breadth of search that reaches a recall, as it was measured when the segments were built.
   *
   * @param target undefined: .99, but no less than the default breadth, as queries may be harder than what is stored
   */
  efFor(target: number | undefined): number {
    let ef = target === undefined ? DEFAULT_EF : 1
    for (const { curve = [] } of this.#segments) {
      ef = Math.max(ef, breadthFor(curve, target ?? DEFAULT_RECALL) ?? DEFAULT_EF)
    }
    return ef
  }

  /** First row of the tail. */
  tailRow(): number {
    const { table } = this.#source
    return firstRowAfter(table, this.lastLabel)
  }

  /** Takes over what the cache had. What cannot be used is built again: {@link rebuildReason} says why. */
  async restore(cached: LoadedIndex): Promise<void> {
    if (!('manifest' in cached)) {
      this.rebuildReason = cached.reason
      return
    }
    try {
      await this.#load(cached.manifest.segments, cached.removed)
      this.savedSeq = cached.manifest.seq
    } catch (error) {
      this.#segments = []
      this.rebuildReason = error instanceof Error ? error.message : String(error)
    }
  }

  async #load(files: readonly SegmentFile[], removed: readonly number[]): Promise<void> {
    const segments: Segment[] = []
    for (const file of files) segments.push({ ...file, index: await this.#open(file.file), removed: [] })
    this.#segments = segments
    for (const label of removed) this.remove(label)
    const tail = this.tailRow()
    let liveIndexed = 0
    for (let row = 0; row < tail; row++) if (this.#source.table.isLive(row)) liveIndexed++
    if (liveIndexed !== this.indexed) {
      throw new Error(`the index holds ${this.indexed} live vectors, the database ${liveIndexed}`)
    }
  }

  remove(label: number): void {
    this.#removedMeanwhile?.push(label)
    const segment = this.#segments.find((s) => label >= s.firstLabel && label <= s.lastLabel)
    if (segment?.index.remove(label)) {
      segment.removed.push(label)
      this.#removedSinceSaved++
    }
  }

  /** What should be built now. @param minTail the shortest tail that is worth it */
  plan(minTail: number): BuildPlan | undefined {
    const { table } = this.#source
    return planBuild({
      segments: this.#segments.map(({ count, index }) => ({ count, live: index.count })),
      tail: table.rows - this.tailRow(),
      live: table.live,
      from: indexFrom(this.#source.keys),
      removedSinceSaved: this.#removedSinceSaved,
      minTail,
    })
  }

  /** Carries a plan out, swaps the result in, and saves the manifest. One at a time. */
  async build(plan: BuildPlan, context: JobContext): Promise<void> {
    const { table, seq, stamp } = this.#source
    const replaced = this.#segments.slice(plan.from, plan.to)
    const kept = { before: this.#segments.slice(0, plan.from), after: this.#segments.slice(plan.to) }
    const base = plan.extend ? replaced[0] : undefined
    const from = base
      ? firstRowAfter(table, base.lastLabel)
      : firstRowAfter(table, (replaced[0]?.firstLabel ?? this.lastLabel + 1) - 1)
    const to = plan.withTail ? table.rows : firstRowAfter(table, replaced.at(-1)?.lastLabel ?? -1)
    const firstLabel = replaced[0]?.firstLabel ?? this.lastLabel + 1
    const lastLabel = plan.withTail ? table.lastLabel : (replaced.at(-1)?.lastLabel ?? -1)
    const file = newSegmentFile(this.#space.encoderKey, this.metric)
    this.#removedMeanwhile = []
    this.#removedSinceSaved = 0
    try {
      let segment: Segment | undefined
      if (base || hasLive(table, from, to)) {
        context.progress({ total: to - from, unit: 'vectors' })
        const built = await buildHnsw({
          table: table.share(),
          from,
          to,
          ...(base ? { base: join(this.#cacheDir, base.file), drop: base.removed } : {}),
          metric: this.metric,
          unit: this.#space.unit,
          path: join(this.#cacheDir, file),
          onProgress: (done) => context.progress({ done }),
          signal: context.signal,
        })
        const { bytes, sha256, curve } = built
        const count = built.count + built.dead
        const index = await this.#open(file)
        segment = { file, bytes, sha256, count, firstLabel, lastLabel, curve, index, removed: [] }
      }
      context.signal.throwIfAborted()
      this.#segments = [...kept.before, ...(segment ? [segment] : []), ...kept.after]
      const meanwhile = this.#removedMeanwhile
      this.#removedMeanwhile = undefined
      for (const label of meanwhile) {
        if (segment && label >= firstLabel && label <= lastLabel && segment.index.remove(label)) {
          segment.removed.push(label)
          this.#removedSinceSaved++
        }
      }
      await this.#save(seq, stamp)
    } catch (error) {
      this.#removedMeanwhile = undefined
      await rm(join(this.#cacheDir, file), { force: true }).catch(() => undefined)
      throw error
    }
  }

  async #save(seq: number, stamp: string): Promise<void> {
    await writeManifest(this.#cacheDir, {
      epoch: this.#epoch,
      encoderKey: this.#space.encoderKey,
      encoder: this.#space.encoder,
      metric: this.metric,
      dim: this.#space.dim,
      m: DEFAULT_M,
      efConstruction: DEFAULT_EF_CONSTRUCTION,
      seq,
      stamp,
      segments: this.#segments.map(({ index: _, removed: __, ...file }) => file),
    })
    this.savedSeq = seq
    this.rebuildReason = undefined
  }

  #open(file: string): Promise<HnswIndex> {
    return HnswIndex.load(join(this.#cacheDir, file), {
      metric: this.metric,
      dim: this.#space.dim,
      unit: this.#space.unit,
    })
  }
}

/** The first row whose label is above `label`. */
function firstRowAfter(table: VectorTable, label: number): number {
  let low = 0
  let high = table.rows
  while (low < high) {
    const middle = (low + high) >>> 1
    if (table.labelAt(middle) <= label) low = middle + 1
    else high = middle
  }
  return low
}

function hasLive(table: VectorTable, from: number, to: number): boolean {
  for (let row = from; row < to; row++) if (table.isLive(row)) return true
  return false
}
