import type { Correction, DetectionVersion, UnjudgedItem } from '../../core/backend.js'
import type { DetectionKeys } from './collection-keys.js'
import type { Connection } from './sqlite.js'

/** Corrections that are told. */
const MOST_CORRECTIONS = 10_000

interface VersionRow {
  detectionKey: number
  version: number
  state: DetectionKeys['state']
  settings: string
  report: string
  createdAt: string
  judged: number
  flagged: number
}

/** Reads detections, what they have not judged yet, and people's corrections. */
export class DetectionReader {
  readonly #sql: ReturnType<typeof prepare>

  constructor(db: Connection) {
    this.#sql = prepare(db)
  }

  /** Those of an encoder version, newest first. */
  versions(encoderKey: number): DetectionVersion[] {
    return this.#sql.versions.all(encoderKey).map(({ detectionKey: _, settings, report, ...row }) => ({
      ...row,
      settings: JSON.parse(settings) as Record<string, unknown>,
      report: JSON.parse(report) as Record<string, unknown>,
    }))
  }

  /** As {@link versions}, with nothing but what finds them. */
  keys(encoderKey: number): DetectionKeys[] {
    return this.#sql.versions.all(encoderKey).map(({ detectionKey, version, state }) => ({
      ...{ detectionKey, version, state },
    }))
  }

  files(detectionKey: number): Record<string, Uint8Array> {
    const files = this.#sql.files.all(detectionKey)
    return Object.fromEntries(files.map(({ name, bytes }) => [name, new Uint8Array(bytes)]))
  }

  counts(detectionKey: number): { scored: number; flagged: number } {
    return this.#sql.counts.get(detectionKey) ?? { scored: 0, flagged: 0 }
  }

  /** In the order of the vectors' labels; at most `limit`, all passages of each. */
  unjudged(encoderKey: number, detectionKey: number, limit: number): UnjudgedItem[] {
    const found = new Map<number, UnjudgedItem>()
    for (const [label, item, id] of this.#sql.unjudged.all(encoderKey, detectionKey, limit)) {
      if (found.has(item)) continue
      const rows = this.#sql.vectors.all(item, encoderKey)
      const vectors = rows.map(([, vector]) => new Float32Array(Uint8Array.from(vector).buffer))
      found.set(item, { id, mark: Math.max(label, ...rows.map(([last]) => last)), vectors })
    }
    return [...found.values()]
  }

  pValues(detectionKey: number): Float64Array {
    return Float64Array.from(this.#sql.pValues.all(detectionKey)).sort()
  }

  correction(item: number): Correction['verdict'] | undefined {
    const said = this.#sql.said.get(item)
    return said === undefined ? undefined : toVerdict(said)
  }

  corrections(collection: number): Correction[] {
    const rows = this.#sql.corrections.all(collection, MOST_CORRECTIONS)
    return rows.map(({ verdict, ...row }) => ({ ...row, verdict: toVerdict(verdict) }))
  }
}

function toVerdict(said: number): Correction['verdict'] {
  return said > 0 ? 'strange' : 'fine'
}

function prepare(db: Connection) {
  return {
    versions: db.prepare<[number], VersionRow>(
      `SELECT key AS detectionKey, version, state, settings, report, created_at AS createdAt, judged, flagged
       FROM detections WHERE encoder = ? AND state <> 'dropped' ORDER BY version DESC`,
    ),
    files: db.prepare<[number], { name: string; bytes: Uint8Array }>(
      'SELECT name, bytes FROM detection_files WHERE detection = ? ORDER BY name',
    ),
    counts: db.prepare<[number], { scored: number; flagged: number }>(
      'SELECT judged AS scored, flagged FROM detections WHERE key = ?',
    ),
    unjudged: db
      .prepare<[number, number, number], [label: number, item: number, id: string]>(
        `SELECT v.label, v.item, items.id FROM vectors v JOIN items ON items.key = v.item
         WHERE v.encoder = ? AND v.label > (SELECT cursor FROM detections WHERE key = ?)
         ORDER BY v.label LIMIT ?`,
      )
      .raw(),
    vectors: db
      .prepare<[number, number], [label: number, vector: Uint8Array]>(
        'SELECT label, vector FROM vectors WHERE item = ? AND encoder = ? ORDER BY passage',
      )
      .raw(),
    pValues: db
      .prepare<[number], number>(
        `SELECT p_value FROM judgements WHERE detection = ? AND detector = 'verdict'`,
      )
      .pluck(),
    said: db.prepare<[number], number>('SELECT verdict FROM corrections WHERE item = ?').pluck(),
    corrections: db.prepare<[number, number], { id: string; verdict: number; madeAt: string }>(
      `SELECT items.id, c.verdict, c.made_at AS madeAt FROM corrections c JOIN items ON items.key = c.item
       WHERE items.collection = ? ORDER BY c.made_at DESC, c.item DESC LIMIT ?`,
    ),
  }
}
