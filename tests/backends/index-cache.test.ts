import { copyFileSync, cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { EmbeddedBackend } from '#src/backends/embedded/embedded-backend.js'
import { openDatabase } from '#src/backends/embedded/sqlite.js'
import type { ItemWrite } from '#src/core/backend.js'
import { nearestIds, RecordingJobs, vectorCollection, vectorItem } from '../support/backend-items.js'
import { clusteredVectors } from '../support/seeded-vectors.js'
import { temporaryFolder } from '../support/test-home.js'

const DIM = 16
const COUNT = 3_000
const vectors = clusteredVectors({ count: COUNT, dim: DIM, seed: 7 })
const items = vectors.map((vector, i) => vectorItem(`i${i}`, vector))
const queries = clusteredVectors({ count: 20, dim: DIM, seed: 8 })

let home: ReturnType<typeof temporaryFolder>
let jobs: RecordingJobs
let backend: EmbeddedBackend

async function open(): Promise<void> {
  jobs = new RecordingJobs()
  backend = await EmbeddedBackend.open({ home: home.path, jobs })
}

async function reopen(between: () => void = () => undefined): Promise<void> {
  await backend.close()
  between()
  await open()
}

const cache = (file = ''): string => join(home.path, 'cache', file)
const cached = (ending: string): string[] => readdirSync(cache()).filter((file) => file.endsWith(ending))
const only = (ending: string): string => cache(cached(ending)[0])
const indexed = async (): Promise<number> => (await backend.stats('c')).vectors.v?.indexed ?? -1

/** Part of the true ten nearest that the index finds. */
async function recall(): Promise<number> {
  let found = 0
  for (const query of queries) {
    const truth = new Set(await nearestIds(backend, 'c', query, { exact: true }))
    for (const id of await nearestIds(backend, 'c', query)) if (truth.has(id)) found++
  }
  return found / (queries.length * 10)
}

/** A home with the collection and its index, closed; every test opens a copy. */
let filled: ReturnType<typeof temporaryFolder>

beforeAll(async () => {
  filled = temporaryFolder()
  backend = await EmbeddedBackend.open({ home: filled.path, jobs: new RecordingJobs() })
  await backend.createCollection(vectorCollection('c', DIM))
  await backend.upsert('c', items)
  await backend.settled('c')
  await backend.close()
})

beforeEach(async () => {
  home = temporaryFolder()
  cpSync(filled.path, home.path, { recursive: true })
  await open()
})

afterEach(async () => {
  await backend.close()
  home.remove()
})

afterAll(() => filled.remove())

describe('index cache', () => {
  it('opens a saved index without building it again', async () => {
    await reopen()
    expect(await recall()).toBeGreaterThan(0.98)
    expect(await indexed()).toBe(COUNT)
    expect(jobs.messages).toEqual([])
  })

  it('replays what was written since the index was saved', async () => {
    await backend.remove('c', ['i0', 'i1'])
    const moved = vectors[3] as Float32Array
    await backend.upsert('c', [vectorItem('i2', moved), vectorItem('new', vectors[0] as Float32Array)])
    await reopen()
    expect(await nearestIds(backend, 'c', vectors[0] as Float32Array, { k: 1 })).toEqual(['new'])
    expect((await nearestIds(backend, 'c', moved, { k: 2 })).sort()).toEqual(['i2', 'i3'])
    expect(await nearestIds(backend, 'c', vectors[1] as Float32Array, { k: COUNT })).not.toContain('i1')
    expect(await indexed()).toBe(COUNT - 3)
    expect(jobs.messages).toEqual([])
  })

  const damages: [string, RegExp, () => void][] = [
    ['is missing', /missing/, () => rmSync(only('.hnsw'))],
    ['was cut short', /bytes, expected/, () => truncateSync(only('.hnsw'), 1_000)],
    [
      'was altered',
      /not what was written/,
      () => {
        const file = only('.hnsw')
        const bytes = readFileSync(file)
        bytes[5_000] = (bytes[5_000] ?? 0) ^ 1
        writeFileSync(file, bytes)
      },
    ],
    ['has a manifest that is not JSON', /not JSON/, () => writeFileSync(only('.json'), '{"format": 1,')],
    [
      'has a manifest of another format',
      /another format/,
      () => {
        const manifest = JSON.parse(readFileSync(only('.json'), 'utf8')) as object
        writeFileSync(only('.json'), JSON.stringify({ ...manifest, format: 99 }))
      },
    ],
    [
      'is of another history of the database',
      /another history/,
      () => {
        const manifest = JSON.parse(readFileSync(only('.json'), 'utf8')) as object
        writeFileSync(only('.json'), JSON.stringify({ ...manifest, epoch: 'other' }))
      },
    ],
    [
      'names another encoder',
      /another space, encoder or metric/,
      () => {
        const manifest = JSON.parse(readFileSync(only('.json'), 'utf8')) as object
        writeFileSync(only('.json'), JSON.stringify({ ...manifest, encoder: 'other' }))
      },
    ],
  ]

  it.each(damages)('rebuilds an index whose file %s, and says so', async (_name, reason, damage) => {
    await reopen(damage)
    expect(await nearestIds(backend, 'c', vectors[5] as Float32Array, { k: 1 })).toEqual(['i5'])
    await backend.settled('c')
    expect(jobs.messages.join()).toMatch(reason)
    expect(await indexed()).toBe(COUNT)
    expect(await recall()).toBeGreaterThan(0.98)
    await reopen()
    await nearestIds(backend, 'c', vectors[5] as Float32Array)
    expect(jobs.messages).toEqual([])
  })

  it('does not trust index files that are newer than a database put back beside them', async () => {
    const database = join(home.path, 'kindred.db')
    await reopen(() => copyFileSync(database, join(home.path, 'old.db')))
    // the same labels will be given again, to other vectors
    const later = clusteredVectors({ count: 1_500, dim: DIM, seed: 9 })
    await backend.upsert(
      'c',
      later.map((vector, i) => vectorItem(`later${i}`, vector)),
    )
    await backend.settled('c')
    await reopen(() => copyFileSync(join(home.path, 'old.db'), database))
    const other = clusteredVectors({ count: 1_500, dim: DIM, seed: 10 })
    const rewritten = other.map((vector, i): ItemWrite => vectorItem(`other${i}`, vector))
    await backend.upsert('c', rewritten)
    await backend.settled('c')
    expect(jobs.messages.join()).toMatch(/changes that the database does not have/)
    for (const i of [0, 700, 1_499]) {
      expect(await nearestIds(backend, 'c', other[i] as Float32Array, { k: 1 })).toEqual([`other${i}`])
      expect(await nearestIds(backend, 'c', later[i] as Float32Array, { k: 10 })).not.toContain(`later${i}`)
    }
  })

  it('knows files whose history was written anew up to the same sequence number', async () => {
    const database = join(home.path, 'kindred.db')
    await reopen(() => copyFileSync(database, join(home.path, 'old.db')))
    const later = clusteredVectors({ count: 1_500, dim: DIM, seed: 9 })
    await backend.upsert(
      'c',
      later.map((vector, i) => vectorItem(`later${i}`, vector)),
    )
    await backend.settled('c')
    const files = cached('').map((file) => [file, readFileSync(cache(file))] as const)
    await reopen(() => copyFileSync(join(home.path, 'old.db'), database))
    const other = clusteredVectors({ count: 1_500, dim: DIM, seed: 10 })
    await backend.upsert(
      'c',
      other.map((vector, i) => vectorItem(`other${i}`, vector)),
    )
    await reopen(() => {
      for (const [file, bytes] of files) writeFileSync(cache(file), bytes)
    })
    expect(await nearestIds(backend, 'c', other[7] as Float32Array, { k: 1 })).toEqual(['other7'])
    await backend.settled('c')
    expect(jobs.messages.join()).toMatch(/changes that the database does not have/)
    expect(await nearestIds(backend, 'c', other[7] as Float32Array, { k: 1 })).toEqual(['other7'])
  })

  it('keeps the log no longer than the oldest manifest needs it', async () => {
    await backend.upsert(
      'c',
      clusteredVectors({ count: 400, dim: DIM, seed: 3 }).map((v, i) => vectorItem(`m${i}`, v)),
    )
    await backend.settled('c')
    await backend.close()
    const db = openDatabase(join(home.path, 'kindred.db'), { readonly: true })
    expect(db.prepare('SELECT count(*) FROM changes').pluck().get()).toBe(1)
    db.close()
    await open()
  })

  it('leaves no file behind that no manifest names', async () => {
    await backend.upsert(
      'c',
      clusteredVectors({ count: 2_000, dim: DIM, seed: 4 }).map((v, i) => vectorItem(`n${i}`, v)),
    )
    await backend.settled('c')
    expect(cached('.hnsw')).toHaveLength(1)
    await backend.deleteCollection('c')
    expect(cached('')).toEqual([])
  })
})
