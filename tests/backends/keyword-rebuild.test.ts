import { afterEach, beforeEach, expect, it } from 'vitest'
import { KeywordRebuild } from '#src/backends/embedded/keyword-rebuild.js'
import { KeywordSearch } from '#src/backends/embedded/keyword-search.js'
import { KeywordWrites } from '#src/backends/embedded/keyword-writes.js'
import { migrate } from '#src/backends/embedded/schema.js'
import { type Connection, openDatabase } from '#src/backends/embedded/sqlite.js'
import { seededRandom } from '#src/core/random.js'
import { parseKeywords } from '#src/query/parse-keywords.js'
import { searchKeywords } from '../support/memory-keywords.js'

/** Whether FTS5 takes removed rows out of its totals, as SQLite 3.54 does: then no index wears. */
const forgets = (() => {
  const db = openDatabase(':memory:')
  try {
    const version = db.prepare('SELECT sqlite_version()').pluck().get() as string
    return Number(version.split('.')[1]) >= 54
  } finally {
    db.close()
  }
})()

let db: Connection
let writes: KeywordWrites
let rebuild: KeywordRebuild
const texts = new Map<number, string>()
const random = seededRandom(4)
const sentence = (): string => Array.from({ length: 6 }, () => `w${random.int(60)}`).join(' ')

beforeEach(() => {
  db = openDatabase(':memory:')
  migrate(db, 'a new database')
  writes = new KeywordWrites(db)
  rebuild = new KeywordRebuild(db, writes, { worn: 50 })
  db.exec(`INSERT INTO collections (key, name) VALUES (1, 'c')`)
  writes.create(1)
  texts.clear()
})
afterEach(() => db.close())

function put(key: number, text: string): void {
  const before = texts.get(key)
  const now = { text, textHash: text, metadata: '{}' }
  if (before === undefined) {
    db.prepare(
      `INSERT INTO items (key, collection, id, revision, has_image, fingerprint, metadata, text) VALUES (?, 1, ?, 1, 0, '', '{}', ?)`,
    ).run(key, `i${key}`, text)
    db.exec('UPDATE collections SET items = items + 1')
    writes.add(1, key, now)
  } else {
    db.prepare('UPDATE items SET text = ? WHERE key = ?').run(text, key)
    writes.update(1, key, { textHash: before, metadata: undefined }, now)
  }
  texts.set(key, text)
}

function take(key: number): void {
  if (!texts.delete(key)) return
  db.prepare('DELETE FROM items WHERE key = ?').run(key)
  db.exec('UPDATE collections SET items = items - 1')
  writes.remove(1, key)
}

/** Compares with one who looks at every item. @returns whether the scores are the same too */
function agrees(): boolean {
  const search = new KeywordSearch(db)
  const items = [...texts]
    .sort(([a], [b]) => a - b)
    .map(([key, text]) => ({ id: `i${key}`, text, metadata: {} }))
  let same = true
  for (let i = 0; i < 60; i++) {
    const { query } = parseKeywords(`w${i} w${(i * 7) % 60}`)
    if (!query) throw new Error('there are words')
    const hits = search.search({ op: 'keyword', collection: 1, query, k: 1_000 })
    const expected = searchKeywords(items, [], { query, k: 1_000 })
    expect(hits.map(({ id }) => id).sort()).toEqual(expected.map(({ id }) => id).sort())
    same &&= hits.every(({ score }, at) => Math.abs(score - (expected[at]?.score ?? 0)) < 1e-6)
  }
  return same
}

it.skipIf(forgets)(
  'makes a worn index anew while it is searched and written to, and its scores are right again',
  () => {
    for (let key = 1; key <= 300; key++) put(key, sentence())
    expect(rebuild.step()).toBe(false)
    expect(agrees()).toBe(true)
    for (let i = 0; i < 800; i++) put(1 + random.int(300), sentence())
    expect(agrees()).toBe(false)
    let steps = 0
    while (rebuild.step()) {
      steps++
      for (let i = 0; i < 5; i++) {
        put(1 + random.int(320), sentence())
        take(1 + random.int(320))
      }
      if (steps % 3 === 0) agrees()
      expect(steps).toBeLessThan(1_000)
    }
    expect(steps).toBeGreaterThan(1)
    expect(
      db.prepare(`SELECT count(*) FROM sqlite_schema WHERE name LIKE 'keywords%next%'`).pluck().get(),
    ).toBe(0)
    // the few changes of meanwhile count twice, so that its totals are near
    agrees()
    for (const key of [...texts.keys()]) take(key)
    agrees()
  },
)

it.skipIf(forgets)(
  'goes on where it was when the database is opened again, and is dropped with its collection',
  () => {
    for (let key = 1; key <= 30; key++) put(key, sentence())
    for (let i = 0; i < 400; i++) put(1 + random.int(30), sentence())
    expect(rebuild.step()).toBe(true)
    writes = new KeywordWrites(db)
    put(31, sentence())
    take(3)
    rebuild = new KeywordRebuild(db, writes, { worn: 50 })
    while (rebuild.step());
    expect(agrees()).toBe(true)
    for (let i = 0; i < 400; i++) put(1 + random.int(30), sentence())
    rebuild.step()
    writes.drop(1)
    expect(db.prepare(`SELECT count(*) FROM sqlite_schema WHERE name LIKE 'keywords%'`).pluck().get()).toBe(0)
  },
)
