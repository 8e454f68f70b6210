import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SearchResult } from '#src/core/types.js'
import { type Ended, kindred, kindredJson, start, TemporaryFolders } from './kindred-process.js'

interface DemoAnswer {
  url?: string
  added: number
  questions: { text: string; results: SearchResult[] }[]
}

const folders = new TemporaryFolders()
let home: string
let first: Ended
let answered: DemoAnswer['questions']

beforeAll(async () => {
  home = await folders.make()
  first = await kindred(['demo', '--no-serve', '--no-images'], { home })
}, 120_000)

afterAll(() => folders.remove())

describe('kindred demo', () => {
  it('adds the emoji that ship and answers three questions', async () => {
    expect(first.code).toBe(0)
    const again = await kindredJson<DemoAnswer>(['demo', '--no-serve', '--no-images'], { home })
    answered = again.questions
    expect(again.added).toBe(0)
    expect(answered.map(({ results }) => results[0]?.metadata?.group)).toEqual([
      'travel & places',
      'objects',
      'travel & places',
    ])
  })

  it('says in a log what it begins and how much of it, in order, and draws nothing', () => {
    expect(first.stderr.replace(/in [\d.]+ .*$/m, 'in N s')).toBe(
      [
        'reading 1,870 emoji into the collection "emoji"',
        'added 1870 emoji in N s',
        'asking "emoji" 3 questions',
        '',
      ].join('\n'),
    )
    const [question] = first.stdout.split('\n')
    expect(question).toBe('“something to keep dry in the rain”')
  })

  it('encodes nothing again, serves, and ends cleanly', async () => {
    const serving = start(['demo', '--port', '0', '--token', 'secret', '--json', '--no-images'], { home })
    const { url, added, questions } = JSON.parse(await serving.line(/^\{/)) as DemoAnswer
    expect(added).toBe(0)
    expect(questions).toEqual(answered)

    const page = await fetch(`${url}/`)
    expect(page.status).toBe(200)
    expect(page.headers.get('content-type')).toContain('text/html')

    expect((await fetch(`${url}/v1/collections`)).status).toBe(401)

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
