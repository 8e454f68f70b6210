import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SearchResult } from '#src/core/types.js'
import { kindred, kindredJson, start, TemporaryFolders } from './kindred-process.js'

interface DemoAnswer {
  url?: string
  added: number
  questions: { text: string; results: SearchResult[] }[]
}

const folders = new TemporaryFolders()
let home: string
let first: DemoAnswer

beforeAll(async () => {
  home = await folders.make()
  first = await kindredJson<DemoAnswer>(['demo', '--no-serve', '--no-images'], { home })
}, 120_000)

afterAll(() => folders.remove())

describe('kindred demo', () => {
  it('adds the emoji that ship and answers three questions', () => {
    expect(first.added).toBeGreaterThan(1_800)
    expect(first.questions.map(({ results }) => results[0]?.metadata?.group)).toEqual([
      'travel & places',
      'objects',
      'travel & places',
    ])
  })

  it('encodes nothing again, serves, and ends cleanly', async () => {
    const started = performance.now()
    const serving = start(['demo', '--port', '0', '--json', '--no-images'], { home })
    const { url, added, questions } = JSON.parse(await serving.line(/^\{/)) as DemoAnswer
    expect(performance.now() - started).toBeLessThan(10_000)
    expect(added).toBe(0)
    expect(questions).toEqual(first.questions)

    const page = await fetch(`${url}/`)
    expect(page.status).toBe(200)
    expect(page.headers.get('content-type')).toContain('text/html')

    const second = await kindred(['demo', '--port', '0', '--no-images'], { home })
    expect(second.code).toBe(0)
    expect(second.stderr).toContain(`already served at ${url}`)

    serving.child.kill('SIGINT')
    expect(await serving.ended).toMatchObject({ code: 0, stderr: '' })
  })

  it('says what to do where the port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    const { code, stderr } = await kindred(['demo', '--port', String(port)], { home })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error PORT_IN_USE: .*--port/)
    other.close()
  })
})
