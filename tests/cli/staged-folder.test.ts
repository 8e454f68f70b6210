import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { StagedFolder } from '#src/cli/staged-folder.js'
import { temporaryFolder } from '../support/test-home.js'

let root: ReturnType<typeof temporaryFolder>

beforeEach(() => {
  root = temporaryFolder()
})
afterEach(() => root.remove())

const at = (...names: string[]): string => join(root.path, ...names)

describe('a staged folder', () => {
  it('shows nothing until all is kept, then all of it, beside what was there', async () => {
    mkdirSync(at('out'))
    writeFileSync(at('out', 'old.md'), 'old')
    writeFileSync(at('out', 'b.md'), 'before')
    const folder = await StagedFolder.open(at('out'))
    await folder.write('a.json', '[]')
    await folder.write('b.md', 'after')
    expect(readdirSync(at('out')).filter((name) => !name.startsWith('.'))).toEqual(['b.md', 'old.md'])
    expect(readFileSync(at('out', 'b.md'), 'utf8')).toBe('before')
    await folder.keep()
    await folder.discard()
    expect(readdirSync(at('out'))).toEqual(['a.json', 'b.md', 'old.md'])
    expect(readFileSync(at('out', 'b.md'), 'utf8')).toBe('after')
  })

  it('leaves nothing where it is discarded, not even the folders that were made for it', async () => {
    const folder = await StagedFolder.open(at('some', 'where', 'out'))
    await folder.write('a.json', '[]')
    await folder.discard()
    await folder.discard()
    expect(readdirSync(root.path)).toEqual([])
  })

  it('refuses a file in the way, of the folder or above it', async () => {
    writeFileSync(at('file'), 'words')
    const refused = { code: 'FILE_UNREADABLE', message: expect.stringContaining('choose another folder') }
    await expect(StagedFolder.open(at('file'))).rejects.toMatchObject(refused)
    await expect(StagedFolder.open(at('file', 'below'))).rejects.toMatchObject(refused)
    expect(readFileSync(at('file'), 'utf8')).toBe('words')
    expect(readdirSync(root.path)).toEqual(['file'])
  })

  // nobody, not even root, may make a folder there
  it.runIf(process.platform === 'linux')('refuses a place that may not be written to', async () => {
    await expect(StagedFolder.open('/sys/kindred-test')).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: expect.stringContaining('/sys/kindred-test'),
    })
  })

  it('refuses a file where a folder of that name lies, and keeps none of the others', async () => {
    mkdirSync(at('out', 'b.md'), { recursive: true })
    const folder = await StagedFolder.open(at('out'))
    await folder.write('a.json', '[]')
    await expect(folder.write('b.md', 'words')).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: expect.stringContaining('b.md'),
    })
    await folder.discard()
    expect(readdirSync(at('out'))).toEqual(['b.md'])
  })
})
