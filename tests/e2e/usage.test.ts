import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { kindredHere, kindredHereJson } from './command-line.js'
import { kindred, TemporaryFolders } from './kindred-process.js'

const COMMANDS = [
  ['demo'],
  ['train'],
  ['outliers'],
  ['duplicates'],
  ['serve'],
  ['add'],
  ['search'],
  ['collections', 'list'],
  ['collections', 'show'],
  ['collections', 'create'],
  ['collections', 'index'],
  ['collections', 'delete'],
  ['facets'],
  ['items', 'list'],
  ['items', 'get'],
  ['items', 'delete'],
  ['encoders', 'list'],
  ['encoders', 'pull'],
  ['encoders', 'use'],
  ['encoders', 'quantize'],
  ['encoders', 'export'],
  ['encoders', 'versions'],
  ['encoders', 'revert'],
]

describe('kindred --help', () => {
  it('names every command that there is, and no other', async () => {
    const names = new Set(COMMANDS.map(([name]) => name))
    const { code, stdout } = await kindred(['--help'])
    const listed = [...stdout.matchAll(/^ {2}([a-z]+)(?: |$)/gm)].map(([, name]) => name)
    expect(code).toBe(0)
    expect(new Set(listed.filter((name) => name !== 'help' && name !== 'kindred'))).toEqual(names)
  })

  it.each(COMMANDS.map((words) => [words.join(' ')]))('shows an example of %s', async (words) => {
    const { code, stdout, stderr } = await kindredHere([...words.split(' '), '--help'])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout).toContain(`Usage: kindred ${words}`)
    expect(stdout).toContain('--json')
    expect(stdout).toContain('--home')
    expect(stdout).toMatch(new RegExp(`Example:\\n(.*\\n)*.*kindred ${words}`))
  })

  it('prints the version', async () => {
    const { code, stdout } = await kindred(['--version'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

describe('wrong usage', () => {
  const wrong: [string, string[], RegExp][] = [
    ['an unknown command', ['serch', 'notes', 'x'], /unknown command 'serch'\n\(Did you mean search\?\)/],
    ['an unknown option', ['search', 'notes', 'x', '--frist'], /unknown option '--frist'/],
    ['a missing argument', ['add', 'notes'], /missing required argument 'paths'/],
    ['nothing to look for', ['search', 'notes'], /say what to look for/],
    ['two things to look for', ['search', 'notes', 'x', '--like', 'y'], /one of them/],
    ['a k in words', ['search', 'notes', 'x', '-k', 'ten'], /whole number/],
    ['a k of 0', ['search', 'notes', 'x', '-k', '0'], /whole number of 1 or more/],
    ['a k of -1', ['search', 'notes', 'x', '-k', '-1'], /whole number of 1 or more/],
    ['an ef that is no whole number', ['search', 'notes', 'x', '--ef', '1.5'], /whole number/],
    ['a recall in words', ['search', 'notes', 'x', '--target-recall', 'all'], /from 0.9 to 0.999/],
    ['an encoder that cannot be trained', ['train', 'x', '--encoder', 'gan'], /pca, autoencoder, vae/],
    ['two channels', ['train', 'x', '--encoder', 'vae', '--channels', '2'], /1 or 3/],
    ['flags of others', ['outliers', 'x', '--against', 'y', '--flagged'], /--flagged is of items/],
    ['a place that is none', ['encoders', 'revert', 'shirts', '--version', '1'], /COLLECTION\/SPACE/],
    ['a port that is none', ['serve', '--port', '65536'], /from 0 to 65535/],
    ['a where that is not JSON', ['search', 'notes', 'x', '--where', '{year'], /must be JSON/],
    ['an unknown field to include', ['search', 'notes', 'x', '--include', 'txt'], /metadata, text, vectors/],
    ['an empty home', ['collections', 'list', '--home', ''], /--home needs/],
  ]

  it.each(wrong)('ends with 2 on %s', async (_what, args, message) => {
    const { code, stdout, stderr } = await kindredHere(args)
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^error INVALID_REQUEST: /)
    expect(stderr).toMatch(message)
  })

  it('says so in JSON with --json, and nothing on stdout', async () => {
    const { code, stdout, stderr } = await kindred(['search', 'notes', 'x', '-k', 'ten', '--json'])
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'INVALID_REQUEST' } })
  })

  it('shows the help of all commands, and ends with 2, where nothing is asked', async () => {
    const { code, stderr } = await kindred([])
    expect(code).toBe(2)
    expect(stderr).toContain('Usage: kindred')
  })
})

describe('a command that only looks', () => {
  it.each([
    ['search', 'notes', 'anything'],
    ['items', 'list', 'notes'],
  ])('%s: says that there is no home, and makes none', async (...words) => {
    const folders = new TemporaryFolders()
    const home = join(await folders.make(), 'nothing-here')
    const { code, stderr } = await kindredHere(words, { home })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error COLLECTION_NOT_FOUND: .*--home/)
    expect(existsSync(home)).toBe(false)
    await folders.remove()
  })

  it('lists no collections where there is no home, and makes none', async () => {
    const folders = new TemporaryFolders()
    const home = join(await folders.make(), 'nothing-here')
    expect(await kindredHereJson(['collections', 'list'], { home })).toEqual({ collections: [] })
    expect(existsSync(home)).toBe(false)
    await folders.remove()
  })
})
