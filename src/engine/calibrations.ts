import type { Calibration, CalibrationSource, CalibrationSubject } from './calibration.js'
import { type CalibrationHost, LEAST_ITEMS, makeCalibration } from './make-calibration.js'
import { throwIfAborted } from './pace.js'
import { keepCalibration, keptCalibration } from './stored-calibration.js'

/** Up to this many items a calibration takes so little that the first search waits for it. */
const AT_ONCE_ITEMS = 200
/** A calibration is made anew when this part of the collection's items was written or removed since. */
const CHANGED_SHARE = 0.2
/** How many are held; the one that was used least recently goes. */
const HELD = 64
/** After how long a calibration that failed is tried again. */
const RETRY_MS = 60_000

/** What is known of one collection, space, encoder and metric. */
interface Entry {
  calibration?: Calibration
  /** Items of the collection when it was made. */
  items: number
  /** Items written and removed since. */
  changes: number
  making?: Promise<void>
  /** Aborted when the collection is deleted. */
  readonly forgotten: AbortController
  /** By `performance.now()`. */
  failedAt?: number
}

/** Makes calibrations when they are first needed, behind the searches, and holds them while they are true. */
export class Calibrations implements CalibrationSource {
  readonly #host: CalibrationHost
  /** By collection, then by space, encoder and metric. */
  readonly #entries = new Map<string, Entry>()
  readonly #ending = new AbortController()

  constructor(host: CalibrationHost) {
    this.#host = host
  }

  find(
    subject: CalibrationSubject,
    options: { wait: boolean },
  ): Calibration | undefined | Promise<Calibration | undefined> {
    const key = keyOf(subject)
    const entry = this.#entries.get(key) ?? newEntry()
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    this.#bound()
    return entry.calibration && !isDue(entry) ? entry.calibration : this.#find(entry, subject, options)
  }

  async #find(
    entry: Entry,
    subject: CalibrationSubject,
    options: { wait: boolean },
  ): Promise<Calibration | undefined> {
    if (isDue(entry)) {
      const fresh = entry.calibration === undefined
      const items = await this.#host.backend.count(subject.record.name)
      // a few more searches may have come here meanwhile
      if (isDue(entry) && !entry.forgotten.signal.aborted) this.#begin(entry, subject, items)
      if (fresh && (options.wait || items <= AT_ONCE_ITEMS)) await entry.making
    } else if (entry.making && !entry.calibration && (options.wait || entry.items <= AT_ONCE_ITEMS)) {
      await entry.making
    }
    return entry.calibration
  }

  changed(collection: string, items: number): void {
    const prefix = prefixOf(collection)
    for (const [key, entry] of this.#entries) if (key.startsWith(prefix)) entry.changes += items
  }

  async forget(collection: string): Promise<void> {
    const prefix = prefixOf(collection)
    const found = [...this.#entries].filter(([key]) => key.startsWith(prefix))
    for (const [key, { forgotten }] of found) {
      this.#entries.delete(key)
      forgotten.abort()
    }
    await Promise.all(found.map(([, { making }]) => making))
  }

  async close(): Promise<void> {
    this.#ending.abort()
    await Promise.all([...this.#entries.values()].map(({ making }) => making))
  }

  #begin(entry: Entry, subject: CalibrationSubject, items: number): void {
    const first = entry.changes === Number.POSITIVE_INFINITY
    entry.items = items
    entry.changes = 0
    delete entry.failedAt
    const signal = AbortSignal.any([this.#ending.signal, entry.forgotten.signal])
    const make = async (): Promise<void> => {
      if (items < LEAST_ITEMS) {
        delete entry.calibration
        return
      }
      const kept = first ? await keptCalibration(this.#host.backend, subject) : undefined
      if (kept && Math.abs(kept.items - items) <= CHANGED_SHARE * items) {
        entry.calibration = kept.calibration
        return
      }
      const made = await makeCalibration(this.#host, subject, signal)
      throwIfAborted(signal)
      if (made) {
        entry.calibration = made
        // one that could not be kept is as good as long as the process lives
        await keepCalibration(this.#host.backend, subject, { calibration: made, items }).catch(
          () => undefined,
        )
      } else delete entry.calibration
    }
    entry.making = make()
      .catch(() => {
        // searches go on without it: the encoder may be missing, the collection deleted, the engine closing
        entry.failedAt = performance.now()
      })
      .finally(() => {
        delete entry.making
      })
  }

  #bound(): void {
    for (const [key, { making }] of this.#entries) {
      if (this.#entries.size <= HELD) return
      if (!making) this.#entries.delete(key)
    }
  }
}

function newEntry(): Entry {
  return { items: 0, changes: Number.POSITIVE_INFINITY, forgotten: new AbortController() }
}

function isDue({ making, failedAt, changes, items }: Entry): boolean {
  if (making) return false
  if (failedAt !== undefined) return performance.now() - failedAt > RETRY_MS
  // a collection that is too small is looked at again when it may have grown enough
  return changes >= (items < LEAST_ITEMS ? LEAST_ITEMS - items : CHANGED_SHARE * items)
}

/** No name holds a line break. */
function prefixOf(collection: string): string {
  return `${collection}\n`
}

function keyOf({ record, space, metric }: CalibrationSubject): string {
  return `${prefixOf(record.name)}${space.name}\n${space.version}\n${space.encoder}\n${metric}`
}
