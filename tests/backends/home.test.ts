import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EmbeddedBackend } from '#src/backends/embedded/embedded-backend.js'
import { takeHome } from '#src/backends/embedded/home.js'
import { openDatabase, sqliteError } from '#src/backends/embedded/sqlite.js'
import { RecordingJobs, vectorCollection, vectorItem } from '../support/backend-items.js'
import { temporaryFolder } from '../support/test-home.js'

let home: ReturnType<typeof temporaryFolder>

beforeEach(() => {
  home = temporaryFolder()
})

afterEach(() => home.remove())

const open = (path = home.path): Promise<EmbeddedBackend> =>
  EmbeddedBackend.open({ home: path, jobs: new RecordingJobs() })

describe('a home', () => {
  it('is held by one engine, and names its process to the second', async () => {
    const first = await open()
    await expect(open()).rejects.toMatchObject({
      code: 'HOME_LOCKED',
      message: expect.stringContaining(String(process.pid)),
      details: { pid: process.pid },
    })
    await first.close()
    await (await open()).close()
  })

  it('is free again when its holder was killed', async () => {
    const url = new URL('../../dist/backends/embedded/home.js', import.meta.url).href
    const script = `const {takeHome} = await import(${JSON.stringify(url)}); takeHome(${JSON.stringify(home.path)}); console.log('held'); setInterval(() => {}, 1000)`
    const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(holder.stdout, 'data')
    await expect(open()).rejects.toMatchObject({ code: 'HOME_LOCKED', details: { pid: holder.pid } })
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    await (await open()).close()
  })

  it('must be a folder that can be made', async () => {
    writeFileSync(join(home.path, 'file'), '')
    await expect(open(join(home.path, 'file', 'home'))).rejects.toMatchObject({
      code: 'HOME_NOT_WRITABLE',
      message: expect.stringContaining('--home'),
    })
  })

  it('lets go of the lock when opening fails', async () => {
    writeFileSync(
      join(home.path, 'kindred.db'),
      'this is no database, but it is long enough to be read as one'.repeat(20),
    )
    await expect(open()).rejects.toMatchObject({ code: 'DATABASE_CORRUPT' })
    takeHome(home.path).release()
  })

  it('whose database a newer kindred wrote is left as it is', async () => {
    await (await open()).close()
    const path = join(home.path, 'kindred.db')
    const db = openDatabase(path)
    db.pragma('user_version = 99')
    db.close()
    await expect(open()).rejects.toMatchObject({
      code: 'DATABASE_TOO_NEW',
      message: expect.stringContaining('99'),
    })
    const again = openDatabase(path)
    expect(again.pragma('user_version', { simple: true })).toBe(99)
    again.close()
  })

  it('may hold other things', async () => {
    mkdirSync(join(home.path, 'encoders'))
    const backend = await open()
    await backend.close()
    expect(existsSync(join(home.path, 'encoders'))).toBe(true)
    expect(existsSync(join(home.path, 'owner.json'))).toBe(false)
  })
})

describe('the labels of a home', () => {
  it('end with an error at 2^32, and nothing is half written', async () => {
    const first = await open()
    await first.createCollection(vectorCollection('c', 2))
    await first.upsert('c', [vectorItem('a', Float32Array.of(1, 0))])
    await first.close()
    const db = openDatabase(join(home.path, 'kindred.db'))
    db.prepare(`UPDATE sqlite_sequence SET seq = ${2 ** 32 - 2} WHERE name = 'vectors'`).run()
    db.close()
    const backend = await open()
    const two = [vectorItem('b', Float32Array.of(0, 1)), vectorItem('c', Float32Array.of(1, 1))]
    await expect(backend.upsert('c', two)).rejects.toMatchObject({ message: expect.stringContaining('2^32') })
    expect((await backend.stats('c')).items).toBe(1)
    await backend.upsert('c', two.slice(0, 1))
    expect((await backend.stats('c')).items).toBe(2)
    await backend.close()
  })
})

describe('what SQLite says', () => {
  const raised = (code: string, message = 'x') => Object.assign(new Error(message), { code })

  it.each([
    ['SQLITE_FULL', 'DISK_FULL'],
    ['SQLITE_CORRUPT_INDEX', 'DATABASE_CORRUPT'],
    ['SQLITE_NOTADB', 'DATABASE_CORRUPT'],
    ['SQLITE_READONLY', 'HOME_NOT_WRITABLE'],
    ['SQLITE_CANTOPEN', 'HOME_NOT_WRITABLE'],
    ['SQLITE_MISUSE', 'INTERNAL'],
  ])('%s becomes %s', (code, ours) => {
    expect(sqliteError(raised(code), 'kindred.db').code).toBe(ours)
  })

  it('names the command to run where the native part is missing', () => {
    const error = sqliteError(new Error('Could not locate the bindings file. Tried: …'), 'kindred.db')
    expect(error).toMatchObject({
      code: 'NATIVE_ADDON_MISSING',
      message: expect.stringMatching(/npm rebuild better-sqlite3(-napi)?,/),
    })
  })
})
