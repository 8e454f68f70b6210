import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setInterval } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { openDatabase } from '#src/backends/embedded/sqlite.js'
import type { Item, SearchAnswer } from '#src/core/types.js'
import { Kindred } from '#src/engine/kindred.js'
import { kindred, kindredJson, start, startServer, TemporaryFolders } from './kindred-process.js'

const folders = new TemporaryFolders()

afterAll(() => folders.remove())

/** All items that a home holds, told by the command line. */
async function allItems(home: string, collection: string): Promise<Map<string, Item>> {
  const { code, stdout, stderr } = await kindred(
    ['items', 'list', collection, '--all', '--limit', '1000', '--include', 'text', '--json'],
    { home },
  )
  expect(stderr).toBe('')
  expect(code).toBe(0)
  const items = stdout.split('\n').filter((line) => line !== '')
  return new Map(items.map((line) => JSON.parse(line) as Item).map((item) => [item.id, item]))
}

describe('a server that is killed', () => {
  it('has kept every acknowledged item, and every batch whole or not at all', async () => {
    const home = await folders.make()
    const server = await startServer(home)
    const post = (path: string, body: unknown): Promise<Response> =>
      fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    await post('/v1/collections', { name: 'notes' })

    const acknowledged = new Set<number>()
    let sent = 0
    const client = async (): Promise<void> => {
      for (;;) {
        const batch = sent++
        const items = Array.from({ length: 7 }, (_, i) => ({
          id: `${batch}-${i}`,
          text: `note ${i} of batch ${batch}`,
        }))
        const response = await post('/v1/collections/notes/items', { items }).catch(() => undefined)
        if (!response?.ok) return
        acknowledged.add(batch)
        // In the midst of the other clients' writes.
        if (acknowledged.size === 25) server.child.kill('SIGKILL')
      }
    }
    await Promise.all([client(), client(), client(), client()])
    await server.ended
    expect(acknowledged.size).toBeGreaterThanOrEqual(25)
    expect(existsSync(join(home, 'server.json'))).toBe(true)

    const items = await allItems(home, 'notes')
    for (const batch of acknowledged) {
      for (let i = 0; i < 7; i++) expect(items.get(`${batch}-${i}`)?.text).toBe(`note ${i} of batch ${batch}`)
    }
    const kept = new Map<string, number>()
    for (const id of items.keys()) {
      const batch = id.split('-')[0] ?? ''
      kept.set(batch, (kept.get(batch) ?? 0) + 1)
    }
    expect(new Set(kept.values())).toEqual(new Set([7]))

    const [last] = [...acknowledged].slice(-1)
    const query = ['search', 'notes', `note 3 of batch ${last}`, '-k', '5']
    const { results } = await kindredJson<SearchAnswer>(query, { home })
    expect(results.map(({ id }) => id)).toContain(`${last}-3`)
  }, 60_000)
})

describe('Ctrl-C while items are added', () => {
  const lines = (from: number, to: number): string =>
    Array.from(
      { length: to - from },
      (_, i) => `${JSON.stringify({ id: `i${from + i}`, text: `line ${from + i}` })}\n`,
    ).join('')

  it.each([
    ['in its own process', false],
    ['through a live server', true],
  ])('keeps what was acknowledged and says how much, %s', async (_where, withServer) => {
    const home = await folders.make()
    const server = withServer ? await startServer(home) : undefined
    const adding = start(['add', 'notes', '-', '--format', 'jsonl', '--json'], { home, input: 'open' })
    // More than one batch: the first goes out, the second waits for its end, which does not come.
    adding.child.stdin?.write(lines(0, 700))
    await written(home, 512)
    adding.child.kill('SIGINT')

    const { code, stdout } = await adding.ended
    expect(code).toBe(130)
    const report = JSON.parse(stdout) as { added: number; interrupted: boolean }
    expect(report).toMatchObject({ interrupted: true })
    expect(report.added).toBeGreaterThanOrEqual(0)
    const items = await allItems(home, 'notes')
    expect(items.size).toBeGreaterThanOrEqual(512)
    expect(items.size).toBeGreaterThanOrEqual(report.added)

    const again = ['add', 'notes', '-', '--format', 'jsonl']
    const rest = await kindredJson<{ added: number; unchanged: number }>(again, {
      home,
      input: lines(0, 700),
    })
    expect(rest).toMatchObject({ added: 700 - items.size, unchanged: items.size })
    server?.child.kill('SIGTERM')
    await server?.ended
  })
})

/** Resolves when another process has committed so many items. */
async function written(home: string, count: number): Promise<void> {
  for await (const _tick of setInterval(50)) if (itemsOf(join(home, 'kindred.db')) >= count) return
}

function itemsOf(path: string): number {
  if (!existsSync(path)) return 0
  const database = openDatabase(path, { readonly: true })
  try {
    return (database.prepare('SELECT count(*) AS items FROM items').get() as { items: number }).items
  } catch {
    return 0 // the tables are being made
  } finally {
    database.close()
  }
}

describe('a second engine on the same home', () => {
  it('is refused with the pid of the first', async () => {
    const home = await folders.make()
    const first = await Kindred.open({ home })
    try {
      const { code, stderr } = await kindred(['search', 'notes', 'x', '--json'], { home })
      expect(code).toBe(1)
      const { error } = JSON.parse(stderr) as { error: { code: string; message: string } }
      expect(error.code).toBe('HOME_LOCKED')
      expect(error.message).toContain(`process ${process.pid}`)
    } finally {
      await first.close()
    }
    expect(await kindredJson(['collections', 'list'], { home })).toEqual({ collections: [] })
  })

  it('is refused where the first is a server, naming its address', async () => {
    const home = await folders.make()
    const server = await startServer(home)
    const { code, stderr } = await kindred(['serve', '--port', '0'], { home })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error HOME_LOCKED: /)
    expect(stderr).toContain(`${server.url} (process ${server.child.pid})`)
    server.child.kill('SIGINT')
    expect(await server.ended).toMatchObject({ code: 0 })
    expect(existsSync(join(home, 'server.json'))).toBe(false)
  })
})

describe('a server with a token', () => {
  it('is asked with the token that its home tells, and refuses others', async () => {
    const home = await folders.make()
    const server = await startServer(home, ['--token', 'open sesame'])
    expect(await kindredJson(['collections', 'list'], { home })).toEqual({ collections: [] })
    expect((await fetch(`${server.url}/v1/collections`)).status).toBe(401)
    server.child.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 0 })
  })
})
