import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DuplicatePage } from '#src/core/types.js'
import { changed, drawScene } from '../support/changed-pictures.js'
import { kindredHere, kindredHereJson } from './command-line.js'
import { startServer, TemporaryFolders } from './kindred-process.js'

const folders = new TemporaryFolders()

afterAll(() => folders.remove())

describe('kindred duplicates', () => {
  let home: string

  beforeAll(async () => {
    home = await folders.make()
    const pictures = await folders.make()
    await mkdir(join(pictures, 'copies'))
    for (let seed = 1; seed <= 4; seed++) {
      await writeFile(join(pictures, `scene ${seed}.png`), await drawScene(seed))
    }
    await writeFile(join(pictures, 'copies', 'one.png'), await drawScene(1))
    const [second, third] = [await drawScene(2), await drawScene(3)]
    await writeFile(join(pictures, 'copies', 'two.jpg'), await changed(second, 'jpeg'))
    await writeFile(join(pictures, 'copies', 'three.png'), await changed(third, 'crop'))
    await kindredHereJson(['add', 'photos', pictures], { home })
  })

  it('shows groups with the one to keep', async () => {
    const { code, stdout, stderr } = await kindredHere(['duplicates', 'photos'], { home })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.trimEnd().split('\n')
    expect(lines.filter((line) => line.startsWith('keep'))).toHaveLength(3)
    expect(stdout).toMatch(/keep +copies\/one\.png\nexact +1\.000 +scene 1\.png\n/)
    expect(stdout).toMatch(/keep +scene 3\.png\nnear +[\d.]+ +copies\/three\.png\n/)
    expect(lines.slice(-2)).toEqual([
      'looked at 7 items for exact, near duplicates',
      '3 groups; could go: 1 exact, 2 near',
    ])
  })

  it('gives all groups as JSON, of a new search or the latest one, also through a server', async () => {
    const found = await kindredHereJson<DuplicatePage>(['duplicates', 'photos'], { home })
    expect(found.groups).toHaveLength(3)
    expect(found.fingerprinted).toEqual({ texts: 0, images: 0 })
    const latest = await kindredHereJson<DuplicatePage>(['duplicates', 'photos', '--latest'], { home })
    expect(latest).toEqual(found)
    const server = await startServer(home)
    try {
      const args = ['duplicates', 'photos', '--relation', 'exact', '--limit', '1']
      expect(await kindredHereJson<DuplicatePage>(args, { home })).toMatchObject({
        found: { groups: 1, exact: 1 },
      })
      const only = ['duplicates', 'photos', '--where', '{"$id":{"$gt":"d"}}']
      expect(await kindredHereJson<DuplicatePage>(only, { home })).toMatchObject({ items: 4, groups: [] })
    } finally {
      server.child.kill('SIGTERM')
      await server.ended
    }
  })

  it('says so when there are none, and refuses wrong usage', async () => {
    const none = await kindredHere(['duplicates', 'photos', '--relation', 'near', '--by', 'text'], { home })
    expect(none).toMatchObject({ code: 0, stdout: 'looked at 7 items for near duplicates: none\n' })
    for (const wrong of [
      ['--relation', 'same'],
      ['--by', 'colour'],
      ['--threshold', '2'],
      ['--limit', '0'],
      ['--where', '{of'],
    ]) {
      expect((await kindredHere(['duplicates', 'photos', ...wrong], { home })).code).toBe(2)
    }
    const failed = await kindredHere(['duplicates', 'photos', '--threshold', '0.9', '--json'], { home })
    expect(failed.code).toBe(1)
    expect(JSON.parse(failed.stderr)).toMatchObject({ error: { code: 'INVALID_REQUEST' } })
    expect((await kindredHere(['duplicates', 'nowhere'], { home })).stderr).toContain('COLLECTION_NOT_FOUND')
  })
})
