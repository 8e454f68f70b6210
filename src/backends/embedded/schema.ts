import { randomBytes } from 'node:crypto'
import { EngineError } from '../../core/errors.js'
import type { Connection } from './sqlite.js'

/**
 * The schema, as the steps that lead to it; a released step is never changed. `PRAGMA user_version` counts those
 * a database has taken.
 *
 * - `items.revision` is the number of the write that made it, so that it is never the same twice.
 * - `encoders` has a row for each version of a space's encoder; `id` is null where the user brings the vectors.
 * - `vectors` are keyed by item, encoder version (which names the space) and passage; `label` the index label:
 *   AUTOINCREMENT, so never reused.
 * - `changes` has a row for each write and encoder version; `stamp` is random, so that a manifest recognizes the
 *   very history it was made from even if a database was put back and written to again.
 */
const MIGRATIONS: readonly string[] = [
  `
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
  `,
]

/** What a database of this version of kindred says as its `user_version`. */
export const SCHEMA_VERSION = MIGRATIONS.length

/**
 * Brings a database to {@link SCHEMA_VERSION}, all steps in one transaction, and gives a new one its epoch.
 *
 * @throws EngineError DATABASE_TOO_NEW, leaving it untouched
 */
export function migrate(db: Connection, path: string): void {
  const version = Number(db.pragma('user_version', { simple: true }))
  if (version > SCHEMA_VERSION) {
    throw new EngineError(
      'DATABASE_TOO_NEW',
      `${path} was written by a newer kindred (schema ${version}, this one knows ${SCHEMA_VERSION}); ` +
        'update kindred, or open another --home',
    )
  }
  if (version === SCHEMA_VERSION) return
  db.transaction(() => {
    for (const step of MIGRATIONS.slice(version)) db.exec(step)
    db.prepare(`INSERT INTO meta VALUES ('epoch', ?) ON CONFLICT DO NOTHING`).run(
      randomBytes(12).toString('hex'),
    )
    db.pragma(`user_version = ${SCHEMA_VERSION}`)
  }).immediate()
}

/** The name of a database's history; a restored backup gets a new one. */
export function readEpoch(db: Connection): string {
  return String(db.prepare(`SELECT value FROM meta WHERE key = 'epoch'`).pluck().get())
}
