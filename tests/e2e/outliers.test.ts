import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededRandom } from '#src/core/random.js'
import type { OutlierAnswer } from '#src/core/types.js'
import { drawnImages } from '../support/drawn-images.js'
import { kindredHere, kindredHereJson } from './command-line.js'
import { startServer, TemporaryFolders } from './kindred-process.js'

const folders = new TemporaryFolders()

afterAll(() => folders.remove())

describe('kindred outliers', () => {
  let home: string
  const ids = (answer: OutlierAnswer): string[] => answer.outliers.map(({ id }) => id)

  beforeAll(async () => {
    home = await folders.make()
    const folder = await folders.make()
    const random = seededRandom(4)
    const side = 32
    for (const [i, { png }] of (await drawnImages(80)).entries()) {
      await writeFile(join(folder, `${String(i).padStart(2, '0')}.png`), png)
    }
    const noise = Uint8Array.from({ length: side * side }, () => random.int(256))
    const raw = { width: side, height: side, channels: 1 as const }
    await writeFile(join(folder, 'noise.png'), await sharp(noise, { raw }).png().toBuffer())
    await kindredHereJson(['add', 'shapes', folder], { home })
    const texts = await folders.make()
    await mkdir(join(texts, 'notes'))
    const kitchen = [
      'soup',
      'bread',
      'rice',
      'beans',
      'salad',
      'cake',
      'tea',
      'stew',
      'pasta',
      'jam',
      'curry',
      'pie',
    ]
    for (const [i, dish] of kitchen.entries()) {
      await writeFile(
        join(texts, `${dish}.md`),
        `How to cook ${dish}: wash, cut, boil for ${10 + i} minutes, season and serve.`,
      )
    }
    await writeFile(
      join(texts, 'law.md'),
      'The tenant shall indemnify the landlord against all claims arising from the use of the premises.',
    )
    await kindredHereJson(['add', 'notes', texts], { home })
  })

  it('shows the strangest first, with what finds them strange', async () => {
    const { code, stdout } = await kindredHere(['outliers', 'shapes', '--limit', '3'], { home })
    expect(code).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    expect(lines[0]).toMatch(/# +p +id +strange to/)
    expect(lines[1]).toMatch(/^1 .*flagged +noise\.png +.*neighbours/)
    expect(stdout).toMatch(/\d+ of 81 are flagged \(p at most 0\.01\) in space "outliers"/)
    expect(stdout).toContain('note: the collection may hold strangers itself')
  })

  it('finds the odd text among texts', async () => {
    expect(
      ids(await kindredHereJson<OutlierAnswer>(['outliers', 'notes', '--limit', '1'], { home })),
    ).toEqual(['law.md'])
  })

  it('answers the same through a server, by other rules, and takes corrections', async () => {
    const alone = await kindredHereJson<OutlierAnswer>(['outliers', 'shapes', '--rate', '0.05'], { home })
    const server = await startServer(home)
    try {
      const served = await kindredHereJson<OutlierAnswer>(['outliers', 'shapes', '--rate', '0.05'], { home })
      expect(served).toEqual(alone)
      const corrected = await kindredHereJson<OutlierAnswer>(
        ['outliers', 'shapes', '--fine', 'noise.png', '--limit', '100'],
        { home },
      )
      const noise = corrected.outliers.find(({ id }) => id === 'noise.png')
      expect(noise).toMatchObject({ flagged: false, correction: 'fine' })
      const back = await kindredHereJson<OutlierAnswer>(
        ['outliers', 'shapes', '--forget', 'noise.png', '--refit'],
        {
          home,
        },
      )
      expect(back.outliers[0]).toMatchObject({ id: 'noise.png', flagged: true })
    } finally {
      server.child.kill('SIGTERM')
      await server.ended
    }
  })

  it('writes why into a folder, with pictures of where a reconstruction differs', async () => {
    await kindredHereJson(['train', 'shapes', '--encoder', 'pca', '--dim', '6'], { home })
    const out = join(await folders.make(), 'why')
    const answer = await kindredHereJson<OutlierAnswer>(
      ['outliers', 'shapes', '--refit', '--limit', '2', '--explain', out],
      { home },
    )
    expect(ids(answer)[0]).toBe('noise.png')
    expect((await readdir(out)).toSorted()).toEqual([
      '001.png',
      '002.png',
      'explanations.json',
      'explanations.md',
    ])
    const [first] = JSON.parse(await readFile(join(out, 'explanations.json'), 'utf8'))
    expect(first).toMatchObject({ rank: 1, id: 'noise.png', picture: '001.png' })
    const kinds = first.reasons.map(({ kind }: { kind: string }) => kind)
    expect(kinds).toEqual(expect.arrayContaining(['detector', 'neighbours', 'region']))
    expect(first.nearest).toHaveLength(5)
    const { format, width = 0, height = 0 } = await sharp(join(out, '001.png')).metadata()
    expect([format, width > 3 * height]).toEqual(['png', true])
    expect(await readFile(join(out, 'explanations.md'), 'utf8')).toContain('## 1. "noise.png"')
  })

  it('tells in explanations the flags of the rule that was asked, not of the one that is stored', async () => {
    const out = join(await folders.make(), 'why')
    const answer = await kindredHereJson<OutlierAnswer>(
      ['outliers', 'shapes', '--rate', '0.9', '--limit', '12', '--explain', out],
      { home },
    )
    const stored = await kindredHereJson<OutlierAnswer>(['outliers', 'shapes', '--limit', '12'], { home })
    const flags = ({ outliers }: OutlierAnswer): boolean[] => outliers.map(({ flagged }) => flagged)
    expect(flags(answer)).not.toEqual(flags(stored))
    const written = JSON.parse(await readFile(join(out, 'explanations.json'), 'utf8'))
    expect(written.map(({ anomaly }: { anomaly: { flagged: boolean } }) => anomaly.flagged)).toEqual(
      flags(answer),
    )
    const lines = (await readFile(join(out, 'explanations.md'), 'utf8')).match(/^p-value .*$/gm) ?? []
    expect(lines.map((line) => line.endsWith(', flagged'))).toEqual(flags(answer))
  })

  it.each([
    [['--rate', '5'], 'INVALID_REQUEST', 1],
    [['--rate', '0.1', '--fdr', '0.1'], 'INVALID_REQUEST', 1],
    [['--against', 'nowhere'], 'COLLECTION_NOT_FOUND', 1],
    [['--fine', 'nobody'], 'ITEM_NOT_FOUND', 1],
    [['--against', 'notes', '--explain', 'x'], 'INVALID_REQUEST', 2],
    [['--against', 'notes', '--flagged'], 'INVALID_REQUEST', 2],
  ])('refuses %j with %s, ending with %i', async (args, code, wanted) => {
    const { code: exit, stderr } = await kindredHere(['outliers', 'shapes', ...args, '--json'], { home })
    expect(exit).toBe(wanted)
    expect(JSON.parse(stderr).error.code).toBe(code)
  })

  it('refuses a folder for explanations that cannot be made, before it keeps or writes anything', async () => {
    const root = await folders.make()
    await writeFile(join(root, 'file'), 'words')
    for (const folder of [join(root, 'file'), join(root, 'file', 'below')]) {
      const args = ['outliers', 'shapes', '--fine', 'noise.png', '--explain', folder, '--json']
      const { code, stdout, stderr } = await kindredHere(args, { home })
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(JSON.parse(stderr).error).toMatchObject({
        code: 'FILE_UNREADABLE',
        message: expect.stringMatching(/file.* cannot be written: .*choose another folder/),
      })
    }
    const other = join(root, 'new', 'why')
    const nowhere = await kindredHere(['outliers', 'nowhere', '--explain', other], { home })
    expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringContaining('COLLECTION_NOT_FOUND') })
    expect(await readdir(root)).toEqual(['file'])
    const { outliers } = await kindredHereJson<OutlierAnswer>(['outliers', 'shapes', '--limit', '100'], {
      home,
    })
    const noise = outliers.find(({ id }) => id === 'noise.png')
    expect([noise?.flagged, noise?.correction]).toEqual([true, undefined])
  })

  it('keeps no explanation where one of the files cannot be written', async () => {
    const out = await folders.make()
    await mkdir(join(out, 'explanations.md'))
    const { code, stderr } = await kindredHere(['outliers', 'shapes', '--limit', '1', '--explain', out], {
      home,
    })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error FILE_UNREADABLE: .*explanations\.md cannot be written/)
    expect(await readdir(out)).toEqual(['explanations.md'])
  })

  it('judges new pictures by what is normal in another collection', async () => {
    const folder = await folders.make()
    const side = 32
    for (const [i, { png }] of (await drawnImages(6, 99)).entries())
      await writeFile(join(folder, `new ${i}.png`), png)
    const stripes = Uint8Array.from({ length: side * side }, (_, i) => ((i % side) % 4 < 2 ? 255 : 0))
    const raw = { width: side, height: side, channels: 1 as const }
    await writeFile(join(folder, 'stripes.png'), await sharp(stripes, { raw }).png().toBuffer())
    await kindredHereJson(['add', 'fresh', folder], { home })
    const answer = await kindredHereJson<OutlierAnswer>(
      ['outliers', 'fresh', '--against', 'shapes', '--limit', '7'],
      {
        home,
      },
    )
    expect(answer).toMatchObject({ scored: 7, reference: 'clean', space: 'outliers' })
    expect(ids(answer)[0]).toBe('stripes.png')
  })
})
