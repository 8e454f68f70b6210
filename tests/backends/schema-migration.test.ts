import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EmbeddedBackend } from '#src/backends/embedded/embedded-backend.js'
import { migrate, SCHEMA_VERSION } from '#src/backends/embedded/schema.js'
import { openDatabase } from '#src/backends/embedded/sqlite.js'
import { seededRandom } from '#src/core/random.js'
import { parseKeywords } from '#src/query/parse-keywords.js'
import { imageWrite, RecordingJobs, vectorItem } from '../support/backend-items.js'
import { temporaryFolder } from '../support/test-home.js'
import { introduce, toyEncoder } from '../support/toy-encoder.js'

/** What kindred wrote before it knew encoder versions. */
const SCHEMA_1 = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
  CREATE TABLE collections (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    items INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE spaces (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    collection INTEGER NOT NULL REFERENCES collections (key),
    name TEXT NOT NULL,
    dim INTEGER NOT NULL,
    metrics TEXT NOT NULL,
    unit INTEGER NOT NULL,
    encoder INTEGER,
    UNIQUE (collection, name)
  );
  CREATE TABLE encoders (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    space INTEGER NOT NULL REFERENCES spaces (key),
    id TEXT,
    name TEXT,
    vectors INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE items (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    collection INTEGER NOT NULL REFERENCES collections (key),
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    text TEXT,
    text_hash TEXT,
    metadata TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    has_image INTEGER NOT NULL,
    UNIQUE (collection, id)
  );
  CREATE INDEX items_in_order ON items (collection, key);
  CREATE TABLE images (item INTEGER PRIMARY KEY, type TEXT NOT NULL, bytes BLOB NOT NULL);
  CREATE TABLE vectors (
    label INTEGER PRIMARY KEY AUTOINCREMENT,
    item INTEGER NOT NULL,
    encoder INTEGER NOT NULL,
    passage INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    vector BLOB NOT NULL
  );
  CREATE UNIQUE INDEX vectors_of_item ON vectors (item, encoder, passage);
  CREATE INDEX vectors_of_encoder ON vectors (encoder);
  CREATE TABLE changes (
    seq INTEGER NOT NULL,
    encoder INTEGER NOT NULL,
    stamp TEXT NOT NULL,
    first_label INTEGER,
    last_label INTEGER,
    removed BLOB NOT NULL,
    PRIMARY KEY (encoder, seq)
  ) WITHOUT ROWID;
  INSERT INTO meta VALUES ('writes', 0);
`

const DIM = 4
const random = seededRandom(1)
const VECTORS = Array.from({ length: 40 }, () => Float32Array.from({ length: DIM }, () => random.normal()))
const blob = (vector: Float32Array | undefined): Buffer => Buffer.from((vector as Float32Array).buffer)

/** A home as kindred left it: notes in two spaces, some with pictures; the last item was removed. */
function writeOldHome(path: string): void {
  const db = openDatabase(path)
  db.pragma('page_size = 8192')
  db.pragma('journal_mode = WAL')
  db.exec(SCHEMA_1)
  db.exec(`
    INSERT INTO meta VALUES ('epoch', 'a-history');
    UPDATE meta SET value = 41 WHERE key = 'writes';
    INSERT INTO collections VALUES (3, 'notes', 20);
    INSERT INTO spaces VALUES (5, 3, 'text', ${DIM}, '["cosine"]', 1, 8), (6, 3, 'own', ${DIM}, '["euclidean","dot"]', 0, 9);
    INSERT INTO encoders VALUES (8, 5, 'encoder-1', 'some-encoder', 20), (9, 6, NULL, NULL, 20);
  `)
  const item = db.prepare('INSERT INTO items VALUES (?, 3, ?, ?, ?, ?, ?, ?, ?)')
  const vector = db.prepare('INSERT INTO vectors VALUES (?, ?, ?, ?, ?, ?, ?)')
  for (let i = 0; i < 20; i++) {
    const key = 10 + i
    item.run(key, `n${i}`, i + 1, `note ${i}`, `hash-${i}`, `{"i":${i}}`, `print-${i}`, Number(i < 3))
    vector.run(2 * i + 1, key, 8, 0, 0, 6, blob(VECTORS[2 * i]))
    vector.run(2 * i + 2, key, 9, 0, 0, 0, blob(VECTORS[2 * i + 1]))
    if (i < 3) db.prepare('INSERT INTO images VALUES (?, ?, ?)').run(key, 'image/png', Buffer.from([9, i]))
  }
  for (const encoder of [8, 9]) {
    db.prepare('INSERT INTO changes VALUES (20, ?, ?, 1, 40, ?)').run(encoder, 'abcdef', Buffer.alloc(0))
  }
  db.exec(`UPDATE sqlite_sequence SET seq = 77 WHERE name = 'items'; PRAGMA user_version = 1`)
  db.close()
}

describe('a database of schema 1', () => {
  let home: ReturnType<typeof temporaryFolder>
  let backend: EmbeddedBackend

  const open = async (): Promise<void> => {
    backend = await EmbeddedBackend.open({ home: home.path, jobs: new RecordingJobs() })
  }
  beforeEach(async () => {
    home = temporaryFolder()
    writeOldHome(join(home.path, 'kindred.db'))
    await open()
  })
  afterEach(async () => {
    await backend.close()
    home.remove()
  })

  it('keeps its collections, items and vectors', async () => {
    const encoders = [
      { encoder: 'encoder-1', encoderName: 'some-encoder', input: 'text', version: 1 },
      { encoder: null, encoderName: null, input: 'vectors', version: 1 },
    ]
    const record = {
      name: 'notes',
      spaces: [
        { name: 'text', dim: DIM, metrics: ['cosine'], unit: true, ...encoders[0] },
        { name: 'own', dim: DIM, metrics: ['euclidean', 'dot'], unit: false, ...encoders[1] },
      ],
    }
    expect(await backend.getCollection('notes')).toEqual(record)
    expect(await backend.stats('notes')).toEqual({
      ...record,
      items: 20,
      vectors: { text: { live: 20, indexed: 20 }, own: { live: 20, indexed: 20 } },
    })
    const { items } = await backend.list('notes', {
      limit: 100,
      fields: { metadata: true, text: true, vectors: true },
    })
    expect(items).toEqual(
      Array.from({ length: 20 }, (_, i) => ({
        ...{ id: `n${i}`, revision: i + 1, hasImage: i < 3, metadata: { i }, text: `note ${i}` },
        vectors: { text: [VECTORS[2 * i]], own: [VECTORS[2 * i + 1]] },
      })),
    )
    const query = { space: 'text', encoder: 'encoder-1', metric: 'cosine', k: 1 } as const
    const { hits } = await backend.nearest('notes', { ...query, vectors: [VECTORS[8] as Float32Array] })
    expect(hits[0]).toMatchObject({ id: 'n4', start: 0, end: 6, revision: 5 })
  })

  it('is intact and goes on counting where it was', async () => {
    await backend.createCollection({ name: 'more', spaces: [] })
    await backend.upsert('notes', [
      { ...vectorItem('new', VECTORS[0] as Float32Array), vectors: {}, fingerprint: 'x' },
    ])
    expect((await backend.stamps('notes', ['new'])).get('new')?.revision).toBe(42)
    await backend.close()
    const db = openDatabase(join(home.path, 'kindred.db'), { readonly: true })
    expect(db.pragma('user_version', { simple: true })).toBe(SCHEMA_VERSION)
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
    expect(db.pragma('foreign_key_check')).toEqual([])
    expect(db.prepare(`SELECT key FROM items WHERE id = 'new'`).pluck().get()).toBe(78)
    expect(db.prepare(`SELECT value FROM meta WHERE key = 'epoch'`).pluck().get()).toBe('a-history')
    expect(db.prepare('SELECT count(*) FROM meta').pluck().get()).toBe(2)
    const fresh = openDatabase(':memory:')
    migrate(fresh, 'a new database')
    const schema = `SELECT type, name, tbl_name FROM sqlite_schema WHERE name NOT GLOB 'keywords_[0-9]*' ORDER BY name`
    expect(db.prepare(schema).all()).toEqual(fresh.prepare(schema).all())
    fresh.close()
    db.close()
    await open()
  })

  it('keeps its pictures, whose originals serve as renditions', async () => {
    expect(await backend.countImages('notes')).toBe(3)
    const png = { bytes: Uint8Array.of(9, 1), type: 'image/png' }
    expect(await backend.image('notes', 'n1')).toEqual(png)
    expect(await backend.image('notes', 'n1', { rendition: true })).toEqual(png)
    const { images } = await backend.images('notes', { limit: 10 })
    expect(images).toEqual(
      [0, 1, 2].map((i) => ({ id: `n${i}`, revision: i + 1, rendition: Uint8Array.of(9, i) })),
    )
    const stamp = (await backend.stamps('notes', ['n1'])).get('n1')
    expect(stamp).toMatchObject({ hasImage: true, imageHash: null, textHash: 'hash-1' })
    const image = imageWrite({ rendition: Uint8Array.of(5) })
    const kept = { vectors: { text: 'keep', own: 'keep' }, ifRevision: 2 } as const
    await backend.upsert('notes', [{ ...vectorItem('n1', VECTORS[0] as Float32Array), ...kept, image }])
    expect(await backend.image('notes', 'n1')).toEqual({ bytes: Uint8Array.of(5), type: 'image/webp' })
    expect(await backend.countImages('notes')).toBe(3)
  })

  it('has a keyword index of what was written before', async () => {
    const find = async (text: string): Promise<string[]> => {
      const query = parseKeywords(text).query
      return query ? (await backend.keyword('notes', { query, k: 100 })).map(({ id }) => id) : []
    }
    expect(await find('notes')).toHaveLength(20)
    expect(await find('7')).toEqual(['n7'])
    await backend.remove('notes', ['n7'])
    await backend.upsert('notes', [
      { ...vectorItem('n8', VECTORS[0] as Float32Array), vectors: {}, text: 'changed', textHash: 'hash' },
    ])
    expect(await find('7 8')).toEqual([])
    expect(await find('changed')).toEqual(['n8'])
  })

  it('takes encoders of images', async () => {
    const toy = toyEncoder('toy-1', 3)
    expect(await introduce(backend, 'notes', 'look', toy)).toBe(1)
    const vectors = [toy.vector(Uint8Array.of(9, 2))]
    const query = { space: 'look', encoder: 'toy-1', vectors, metric: 'cosine', k: 1 } as const
    expect((await backend.nearest('notes', query)).hits[0]?.id).toBe('n2')
    await expect(backend.stageEncoder('notes', 'text', toy.version)).rejects.toMatchObject({
      code: 'CONFLICT',
    })
  })
})
