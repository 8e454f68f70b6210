import type { Backend } from '../core/backend.js'
import type { Distribution } from '../query/calibration.js'
import { WordRarity } from '../query/word-rarity.js'
import type { Calibration, CalibrationSubject } from './calibration.js'

/** What made it: another number is not read. */
const FORMAT = 1
const WORDS_A_ROW = 500
/** More are never kept: a sample has at most 2,000 texts of 20,000 characters. */
const MOST_ROWS = 2_000
const PAGE_ROWS = 1_000

/** A calibration, and how many items the collection had when it was made. */
interface Kept {
  calibration: Calibration
  items: number
}

/** Keeps a calibration in the collection, so that a process that only asks once need not make it. */
export async function keepCalibration(
  backend: Backend,
  subject: CalibrationSubject,
  { calibration, items }: Kept,
): Promise<void> {
  const { pairs, nearest, nonsense, words } = calibration
  const counts = words ? [...words.counts()] : []
  const rows = Array.from({ length: Math.min(MOST_ROWS, Math.ceil(counts.length / WORDS_A_ROW)) }, (_, i) =>
    JSON.stringify(counts.slice(i * WORDS_A_ROW, (i + 1) * WORDS_A_ROW)),
  )
  const head = {
    format: FORMAT,
    encoder: subject.space.encoder,
    version: subject.space.version,
    items,
    ...{ pairs: written(pairs), nearest: written(nearest) },
    ...(nonsense ? { nonsense: written(nonsense) } : {}),
    ...(words ? { texts: words.texts } : {}),
  }
  await backend.keepReport(subject.record.name, nameOf(subject), { head, rows })
}

/** The calibration that was kept of the space's current encoder; undefined where there is none. */
export async function keptCalibration(
  backend: Backend,
  subject: CalibrationSubject,
): Promise<Kept | undefined> {
  const counts: [string, number][] = []
  let cursor: string | undefined
  for (;;) {
    const page = await backend.report(subject.record.name, nameOf(subject), { limit: PAGE_ROWS, cursor })
    if (!page) return undefined
    const head = page.head as unknown as Head
    const { encoder, version } = subject.space
    if (head.format !== FORMAT || head.encoder !== encoder || head.version !== version) return undefined
    for (const row of page.rows) counts.push(...(JSON.parse(row) as [string, number][]))
    cursor = page.cursor
    if (cursor !== undefined) continue
    const calibration: Calibration = { pairs: read(head.pairs), nearest: read(head.nearest) }
    if (head.nonsense) calibration.nonsense = read(head.nonsense)
    if (head.texts !== undefined) calibration.words = new WordRarity(counts, head.texts)
    return { calibration, items: head.items }
  }
}

/** A distribution as JSON. */
interface Written {
  sorted: number[]
  mean: number
  deviation: number
}

interface Head {
  format: number
  encoder: string | null
  version: number
  items: number
  pairs: Written
  nearest: Written
  nonsense?: Written
  texts?: number
}

function nameOf({ space, metric }: CalibrationSubject): string {
  return `calibration ${space.name} ${metric}`
}

function written({ sorted, mean, deviation }: Distribution): Written {
  return { sorted: Array.from(sorted, (value) => Number(value.toPrecision(7))), mean, deviation }
}

function read({ sorted, mean, deviation }: Written): Distribution {
  return { sorted: Float64Array.from(sorted), mean, deviation }
}
