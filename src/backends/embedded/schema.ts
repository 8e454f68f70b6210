import { randomBytes } from 'node:crypto'
import { EngineError } from '../../core/errors.js'
import { fillKeywordTables } from './keyword-table.js'
import type { Connection } from './sqlite.js'

/**
 * The schema, as the steps that lead to it; a released step is never changed. `PRAGMA user_version` counts those
 * a database has taken.
 *
 * - `collections.indexed` names the metadata fields that filters find in memory.
 * - `items.revision` is the number of the write that made it, so that it is never the same twice. `text` comes last:
 *   to reach a column behind a long text SQLite reads all of its pages.
 * - `images` that schema 1 stored have nothing but the original.
 * - `encoders` has a row for each version of a space's encoder; `id` is null where the user brings the vectors,
 *   `settings` where it was not fitted to the collection. `spaces.encoder` is the current one; null while the first is
 *   being filled. `spaces.versions` is the last number given.
 * - `vectors` are keyed by item, encoder version (which names the space) and passage; `label` the index label:
 *   AUTOINCREMENT, so never reused. `anomalies` are keyed by encoder version, detector and item; `detectors` counts them.
 * - `collections.keywords` are the metadata paths that are indexed beside the text; each collection has a table
 *   `keywords_KEY` of inverted lists, with a row for each item that has words, under the item's key. While another is
 *   made to take its place, `keywords_cursor` is the last item that this one has come to.
 * - `fingerprints` are derived from an item's text or picture; `source` tells of which, so that old ones may stay. A report
 *   whose `head` is null is being written, or was when its process ended.
 * - `detections` has a row for each version of what judges an encoder version's vectors; `cursor` is the last label that it
 *   judged, `spaces.detections` the last number given. `judgements` of versions that were retired or dropped go little by
 *   little. `corrections` is what people said of an item: 1 strange, -1 fine; `content` hashes what they saw.
 * - `dropped` names encoder versions that are gone while there are still rows of theirs to remove.
 * - `changes` has a row for each write and encoder version; `stamp` is random, so that a manifest recognizes the
 *   very history it was made from even if a database was put back and written to again.
 */
const MIGRATIONS: readonly (string | ((db: Connection) => void))[] = [
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
  `
  ALTER TABLE encoders ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE encoders ADD COLUMN state TEXT NOT NULL DEFAULT 'current';
  ALTER TABLE encoders ADD COLUMN dim INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE encoders ADD COLUMN metrics TEXT NOT NULL DEFAULT '[]';
  ALTER TABLE encoders ADD COLUMN unit INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE encoders ADD COLUMN settings TEXT;
  ALTER TABLE encoders ADD COLUMN report TEXT NOT NULL DEFAULT '{}';
  ALTER TABLE encoders ADD COLUMN created_at TEXT NOT NULL DEFAULT '';
  UPDATE encoders SET
    created_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
    (dim, metrics, unit) = (SELECT dim, metrics, unit FROM spaces WHERE spaces.key = encoders.space);
  CREATE UNIQUE INDEX encoders_of_space ON encoders (space, version);
  ALTER TABLE spaces DROP COLUMN dim;
  ALTER TABLE spaces DROP COLUMN metrics;
  ALTER TABLE spaces DROP COLUMN unit;
  ALTER TABLE spaces ADD COLUMN input TEXT NOT NULL DEFAULT 'text';
  ALTER TABLE spaces ADD COLUMN versions INTEGER NOT NULL DEFAULT 1;
  UPDATE spaces SET input = 'vectors' WHERE encoder IN (SELECT key FROM encoders WHERE id IS NULL);
  CREATE TABLE encoder_files (
    encoder INTEGER NOT NULL,
    name TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (encoder, name)
  );
  CREATE TABLE dropped (encoder INTEGER PRIMARY KEY);

  INSERT INTO meta SELECT 'last item', seq FROM sqlite_sequence WHERE name = 'items';
  CREATE TABLE items_2 (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    collection INTEGER NOT NULL REFERENCES collections (key),
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    has_image INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    text_hash TEXT,
    metadata TEXT NOT NULL,
    text TEXT,
    UNIQUE (collection, id)
  );
  INSERT INTO items_2 SELECT key, collection, id, revision, has_image, fingerprint, text_hash, metadata, text
    FROM items ORDER BY key;
  DROP TABLE items;
  ALTER TABLE items_2 RENAME TO items;
  UPDATE sqlite_sequence SET seq = (SELECT value FROM meta WHERE key = 'last item')
    WHERE name = 'items' AND EXISTS (SELECT 1 FROM meta WHERE key = 'last item');
  DELETE FROM meta WHERE key = 'last item';
  CREATE INDEX items_in_order ON items (collection, key);
  CREATE INDEX items_with_image ON items (collection, key) WHERE has_image = 1;
  ALTER TABLE collections ADD COLUMN images INTEGER NOT NULL DEFAULT 0;
  UPDATE collections SET images =
    (SELECT count(*) FROM items WHERE items.collection = collections.key AND has_image = 1);

  ALTER TABLE images RENAME TO images_1;
  CREATE TABLE images (
    item INTEGER PRIMARY KEY,
    width INTEGER,
    height INTEGER,
    hash TEXT,
    path TEXT,
    rendition_type TEXT,
    original_type TEXT,
    rendition BLOB,
    original BLOB
  );
  INSERT INTO images (item, original_type, original) SELECT item, type, bytes FROM images_1;
  DROP TABLE images_1;

  CREATE TABLE anomalies (
    encoder INTEGER NOT NULL,
    detector TEXT NOT NULL,
    item INTEGER NOT NULL,
    score REAL NOT NULL,
    error REAL,
    percentile REAL NOT NULL,
    flagged INTEGER NOT NULL,
    PRIMARY KEY (encoder, detector, item)
  ) WITHOUT ROWID;
  CREATE INDEX anomalies_by_score ON anomalies (encoder, detector, score DESC, item);
  CREATE INDEX flagged_by_score ON anomalies (encoder, detector, score DESC, item) WHERE flagged = 1;
  CREATE INDEX anomalies_of_item ON anomalies (item);
  CREATE TABLE detectors (
    encoder INTEGER NOT NULL,
    detector TEXT NOT NULL,
    scored INTEGER NOT NULL,
    flagged INTEGER NOT NULL,
    PRIMARY KEY (encoder, detector)
  ) WITHOUT ROWID;
  CREATE TABLE jobs (key INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, job TEXT NOT NULL);
  `,
  (db) => {
    db.exec(`ALTER TABLE collections ADD COLUMN keywords TEXT NOT NULL DEFAULT '[]'`)
    db.exec('ALTER TABLE collections ADD COLUMN keywords_cursor INTEGER')
    fillKeywordTables(db)
  },
  `
  ALTER TABLE collections ADD COLUMN indexed TEXT NOT NULL DEFAULT '[]';
  `,
  `
  CREATE TABLE fingerprints (
    item INTEGER NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (item, kind)
  );
  CREATE TRIGGER fingerprints_of_removed AFTER DELETE ON items BEGIN
    DELETE FROM fingerprints WHERE item = OLD.key;
  END;
  CREATE TABLE reports (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    collection INTEGER NOT NULL,
    name TEXT NOT NULL,
    head TEXT
  );
  CREATE INDEX reports_of_collection ON reports (collection, name, key);
  CREATE TABLE report_rows (report INTEGER NOT NULL, row INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (report, row))
    WITHOUT ROWID;
  CREATE TRIGGER reports_of_removed AFTER DELETE ON collections BEGIN
    DELETE FROM report_rows WHERE report IN (SELECT key FROM reports WHERE collection = OLD.key);
    DELETE FROM reports WHERE collection = OLD.key;
  END;
  `,
  `
  ALTER TABLE spaces ADD COLUMN detections INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE detections (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    encoder INTEGER NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    settings TEXT NOT NULL,
    report TEXT NOT NULL,
    cursor INTEGER NOT NULL DEFAULT 0,
    judged INTEGER NOT NULL DEFAULT 0,
    flagged INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL
  );
  CREATE INDEX detections_of_encoder ON detections (encoder, state);
  CREATE INDEX detections_to_purge ON detections (state) WHERE state = 'dropped';
  CREATE TABLE detection_files (
    detection INTEGER NOT NULL,
    name TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (detection, name)
  );
  CREATE TABLE judgements (
    detection INTEGER NOT NULL,
    item INTEGER NOT NULL,
    detector TEXT NOT NULL,
    score REAL NOT NULL,
    p_value REAL NOT NULL,
    flagged INTEGER NOT NULL,
    PRIMARY KEY (detection, item, detector)
  ) WITHOUT ROWID;
  CREATE INDEX verdicts_by_score ON judgements (detection, score DESC, item, p_value, flagged) WHERE detector = 'verdict';
  CREATE TABLE corrections (item INTEGER PRIMARY KEY, verdict INTEGER NOT NULL, content TEXT NOT NULL, made_at TEXT NOT NULL);
  CREATE TRIGGER corrections_of_removed AFTER DELETE ON items BEGIN
    DELETE FROM corrections WHERE item = OLD.key;
  END;
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
    for (const step of MIGRATIONS.slice(version)) {
      if (typeof step === 'string') db.exec(step)
      else step(db)
    }
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

/** How many writes there were: the number of the last one. */
export function readWrites(db: Connection): number {
  return Number(db.prepare(`SELECT value FROM meta WHERE key = 'writes'`).pluck().get())
}
