import type { EncoderVersion, SpaceInput } from '../../core/backend.js'
import type { Metric } from '../../core/metrics.js'
import type { CollectionKeys, EncoderKeys, SpaceKeys } from './collection-keys.js'
import { DetectionReader } from './detection-reader.js'
import { parsePaths } from './keyword-table.js'
import type { Connection } from './sqlite.js'

interface VersionRow {
  encoderKey: number
  space: string
  version: number
  state: EncoderKeys['state']
  encoder: string | null
  encoderName: string | null
  dim: number
  metrics: string
  unit: number
  settings: string | null
}

/** Reads what collections there are, with their spaces and encoder versions. */
export class EncoderReader {
  readonly detections: DetectionReader
  readonly #sql: ReturnType<typeof prepare>

  constructor(db: Connection) {
    this.#sql = prepare(db)
    this.detections = new DetectionReader(db)
  }

  collections(): CollectionKeys[] {
    return this.#sql.collections.all().map(({ key, name, keywords, indexed }) => ({
      key,
      name,
      keywords: parsePaths(keywords),
      indexed: JSON.parse(indexed) as string[],
      spaces: this.#sql.spaces.all(key).map((space): SpaceKeys => {
        const versions = this.#sql.versions.all(space.key).map((row) => this.#toKeys(row))
        return { ...space, versions, current: versions.find(({ state }) => state === 'current') }
      }),
    }))
  }

  /** What is not in {@link EncoderKeys}, as it is now. */
  version(keys: EncoderKeys): EncoderVersion {
    const { version, state, encoder, encoderName, dim, metrics, unit } = keys
    const row = this.#sql.rest.get(keys.encoderKey)
    return {
      version,
      state,
      encoder,
      encoderName,
      dim,
      metrics: [...metrics],
      unit,
      settings: structuredClone(keys.settings ?? {}),
      report: JSON.parse(row?.report ?? '{}') as Record<string, unknown>,
      createdAt: row?.createdAt ?? '',
      vectors: row?.vectors ?? 0,
    }
  }

  files(encoderKey: number): Record<string, Uint8Array> {
    const files = this.#sql.files.all(encoderKey)
    return Object.fromEntries(files.map(({ name, bytes }) => [name, new Uint8Array(bytes)]))
  }

  /** Items of a collection. */
  items(collection: CollectionKeys): number {
    return this.#sql.items.get(collection.key) ?? 0
  }

  /** Live vectors of an encoder version. */
  vectors(encoderKey: number): number {
    return this.#sql.vectors.get(encoderKey) ?? 0
  }

  #toKeys(row: VersionRow): EncoderKeys {
    const settings = row.settings === null ? null : (JSON.parse(row.settings) as Record<string, unknown>)
    const metrics = JSON.parse(row.metrics) as Metric[]
    const detections = this.detections.keys(row.encoderKey)
    return { ...row, metrics, unit: row.unit === 1, settings, detections }
  }
}

function prepare(db: Connection) {
  return {
    collections: db.prepare<[], { key: number; name: string; keywords: string; indexed: string }>(
      'SELECT key, name, keywords, indexed FROM collections ORDER BY name',
    ),
    spaces: db.prepare<[number], { key: number; name: string; input: SpaceInput }>(
      'SELECT key, name, input FROM spaces WHERE collection = ? ORDER BY key',
    ),
    versions: db.prepare<[number], VersionRow>(
      `SELECT e.key AS encoderKey, s.name AS space, e.version, e.state, e.id AS encoder, e.name AS encoderName,
         e.dim, e.metrics, e.unit, e.settings
       FROM encoders e JOIN spaces s ON s.key = e.space WHERE e.space = ? ORDER BY e.version`,
    ),
    rest: db.prepare<[number], { report: string; createdAt: string; vectors: number }>(
      'SELECT report, created_at AS createdAt, vectors FROM encoders WHERE key = ?',
    ),
    files: db.prepare<[number], { name: string; bytes: Uint8Array }>(
      'SELECT name, bytes FROM encoder_files WHERE encoder = ? ORDER BY name',
    ),
    items: db.prepare<[number], number>('SELECT items FROM collections WHERE key = ?').pluck(),
    vectors: db.prepare<[number], number>('SELECT vectors FROM encoders WHERE key = ?').pluck(),
  }
}
