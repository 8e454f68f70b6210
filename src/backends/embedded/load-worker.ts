import { statSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { toPlainError } from '../../core/errors.js'
import { fileChecksum } from '../../indexes/file-checksum.js'
import { VectorTable } from '../../indexes/vector-table.js'
import type { EncoderKeys } from './collection-keys.js'
import { type IndexManifest, indexName, readManifest } from './index-manifest.js'
import type { LoadedCollection, LoadedIndex, LoadedSpace, LoadRequest } from './load-messages.js'
import { packIds } from './packed-ids.js'
import { readWrites } from './schema.js'
import { type Connection, openDatabase, sqliteError } from './sqlite.js'

const request = workerData as LoadRequest

load()
  .then((loaded) => parentPort?.postMessage({ loaded }))
  .catch((error) =>
    parentPort?.postMessage({ error: toPlainError(sqliteError(error, request.databasePath)) }),
  )

async function load(): Promise<LoadedCollection> {
  const db = openDatabase(request.databasePath, { readonly: true })
  try {
    db.exec('BEGIN')
    const ids: string[] = []
    const keys: number[] = []
    const slotOf = new Map<number, number>()
    const items = db.prepare<[number], { key: number; id: string }>(
      'SELECT key, id FROM items WHERE collection = ? ORDER BY key',
    )
    for (const { key, id } of items.iterate(request.collection)) {
      keys.push(key)
      slotOf.set(key, ids.push(id) - 1)
    }
    const spaces = []
    for (const { version, indexMetrics } of request.versions) {
      const table = loadTable(db, version, slotOf)
      const indexes: LoadedIndex[] = []
      for (const metric of indexMetrics) indexes.push(await loadIndex(db, version, metric))
      spaces.push({ ...table, indexes })
    }
    return { ids: packIds(ids), keys: Float64Array.from(keys), seq: readWrites(db), spaces }
  } finally {
    db.close()
  }
}

function loadTable(
  db: Connection,
  space: EncoderKeys,
  slotOf: ReadonlyMap<number, number>,
): Omit<LoadedSpace, 'indexes'> {
  const table = new VectorTable(space.dim)
  const rows = db.prepare<[number], { label: number; item: number; passage: number; vector: Uint8Array }>(
    'SELECT label, item, passage, vector FROM vectors WHERE encoder = ? ORDER BY label',
  )
  const aligned = new Float32Array(space.dim)
  const bytes = new Uint8Array(aligned.buffer)
  for (const row of rows.iterate(space.encoderKey)) {
    bytes.set(row.vector)
    table.append(row.label, slotOf.get(row.item) ?? 0, row.passage, aligned)
  }
  const last = db
    .prepare<[number], { seq: number; stamp: string }>(
      'SELECT seq, stamp FROM changes WHERE encoder = ? ORDER BY seq DESC LIMIT 1',
    )
    .get(space.encoderKey)
  return {
    encoderKey: space.encoderKey,
    table: table.share(),
    seq: last?.seq ?? 0,
    stamp: last?.stamp ?? '',
  }
}

async function loadIndex(db: Connection, space: EncoderKeys, metric: string): Promise<LoadedIndex> {
  const name = `${indexName(space.encoderKey, metric)}.json`
  const manifest = await readManifest(join(request.cacheDir, name))
  if (typeof manifest === 'string') {
    return manifest === 'there is no manifest' ? { metric } : { metric, reason: manifest }
  }
  const reason = wrongManifest(db, space, metric, manifest) ?? (await wrongFile(manifest))
  if (reason !== undefined) return { metric, reason }
  const removed: number[] = []
  const log = db
    .prepare<[number, number], Uint8Array>('SELECT removed FROM changes WHERE encoder = ? AND seq > ?')
    .pluck()
  for (const blob of log.iterate(space.encoderKey, manifest.seq) as Iterable<Uint8Array>) {
    for (const label of new Uint32Array(Uint8Array.from(blob).buffer)) removed.push(label)
  }
  return { metric, manifest, removed }
}

function wrongManifest(
  db: Connection,
  space: EncoderKeys,
  metric: string,
  manifest: IndexManifest,
): string | undefined {
  if (manifest.epoch !== request.epoch) return 'the index is of another history of the database'
  if (
    manifest.encoderKey !== space.encoderKey ||
    manifest.encoder !== space.encoder ||
    manifest.metric !== metric ||
    manifest.dim !== space.dim
  ) {
    return 'the index is of another space, encoder or metric'
  }
  const stamp = db
    .prepare<[number, number], string>('SELECT stamp FROM changes WHERE encoder = ? AND seq = ?')
    .pluck()
    .get(space.encoderKey, manifest.seq)
  if (stamp !== manifest.stamp) return 'the index holds changes that the database does not have'
  return undefined
}

async function wrongFile(manifest: IndexManifest): Promise<string | undefined> {
  for (const { file, bytes, sha256 } of manifest.segments) {
    const path = join(request.cacheDir, file)
    const found = statSync(path, { throwIfNoEntry: false })?.size
    if (found === undefined) return `${file} is missing`
    if (found !== bytes) return `${file} has ${found} bytes, expected ${bytes}`
    if ((await fileChecksum(path)) !== sha256) return `${file} is not what was written`
  }
  return undefined
}
