import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EncoderVersion } from '#src/core/backend.js'
import type { Job } from '#src/core/jobs.js'
import type { CollectionSummary, OutlierAnswer, SearchAnswer } from '#src/core/types.js'
import type { FitResult } from '#src/engine/fit-job.js'
import { drawnImages } from '../support/drawn-images.js'
import { kindredHere, kindredHereJson } from './command-line.js'
import { start, startServer, TemporaryFolders } from './kindred-process.js'

const folders = new TemporaryFolders()

afterAll(() => folders.remove())

/** A folder with one of drawn pictures for each shape. */
async function drawFolder(count: number, seed = 1): Promise<string> {
  const root = await folders.make()
  for (const [i, { shape, png }] of (await drawnImages(count, seed)).entries()) {
    await mkdir(join(root, shape), { recursive: true })
    await writeFile(join(root, shape, `${i}.png`), png)
  }
  return root
}

interface Added {
  added: number
  failed: { source: string; code: string; reason: string }[]
}

const add = (home: string, collection: string, path: string): Promise<Added> =>
  kindredHereJson<Added>(['add', collection, path], { home })

async function summaryOf(home: string, collection: string): Promise<CollectionSummary> {
  return kindredHereJson<CollectionSummary>(['collections', 'show', collection], { home })
}

async function refusal(args: readonly string[], home: string): Promise<{ code: string; message: string }> {
  const { code, stderr } = await kindredHere([...args, '--json'], { home })
  expect(code).toBe(1)
  return (JSON.parse(stderr) as { error: { code: string; message: string } }).error
}

describe('a folder of pictures', () => {
  let home: string
  let pictures: string

  beforeAll(async () => {
    home = await folders.make()
    pictures = await drawFolder(90)
    await writeFile(join(pictures, 'words.png'), 'a text that calls itself a picture')
    await writeFile(
      join(pictures, 'disc', 'broken.png'),
      (await drawnImages(1))[0]?.png.subarray(0, 50) ?? '',
    )
  })

  it('is added with its inner folders as labels, and what cannot be read is told', async () => {
    const { code, stdout } = await kindredHere(['add', 'shapes', pictures, '--json'], { home })
    expect(code).toBe(1)
    const added = JSON.parse(stdout) as Added
    expect(added.added).toBe(90)
    expect(added.failed.map((failure) => failure.code)).toEqual(['INVALID_IMAGE', 'INVALID_IMAGE'])
  })

  it('has similar pictures by a picture and by an item before anything is trained', async () => {
    const [query] = await drawnImages(1, 77)
    const file = join(await folders.make(), 'query.png')
    await writeFile(file, query?.png ?? '')
    const byImage = await kindredHereJson<SearchAnswer>(['search', 'shapes', '--image', file, '-k', '5'], {
      home,
    })
    expect(byImage.plan.space).toBe('descriptor')
    expect(
      byImage.results.filter(({ metadata }) => metadata?.label === 'disc').length,
    ).toBeGreaterThanOrEqual(4)
    const id = byImage.results[0]?.id ?? ''
    const byItem = await kindredHereJson<SearchAnswer>(['search', 'shapes', '--like', id, '-k', '5'], {
      home,
    })
    expect(byItem.results.map((result) => result.id)).not.toContain(id)
    expect(byItem.results[0]?.metadata?.label).toBe('disc')
  })

  it('has strange ones after one command more', async () => {
    const trained = await kindredHereJson<FitResult>(
      ['train', 'shapes', '--encoder', 'autoencoder', '--dim', '6', '--epochs', '30'],
      { home },
    )
    expect(trained).toMatchObject({ space: 'autoencoder', version: 1, dim: 6, scored: 90 })
    const { outliers, scored } = await kindredHereJson<OutlierAnswer>(['outliers', 'shapes'], { home })
    expect(scored).toBe(90)
    const scores = outliers.map(({ score }) => score)
    expect(scores).toEqual([...scores].sort((a, b) => b - a))
  })

  it('keeps the encoder that was replaced: listed, exported and brought back by its version', async () => {
    for (const dim of ['3', '4']) {
      await kindredHereJson(['train', 'shapes', '--encoder', 'pca', '--dim', dim], { home })
    }
    const told = await kindredHereJson<{ versions: EncoderVersion[] }>(
      ['encoders', 'versions', 'shapes/pca'],
      { home },
    )
    expect(told.versions.map(({ version, dim, state }) => [version, dim, state])).toEqual([
      [2, 4, 'current'],
      [1, 3, 'retired'],
    ])
    const folder = join(await folders.make(), 'pca-1')
    await kindredHereJson(['encoders', 'export', 'shapes/pca', folder, '--version', '1'], { home })
    expect((await readdir(folder)).sort()).toContain('encoder.onnx')
    const back = await kindredHereJson(['encoders', 'revert', 'shapes/pca', '--version', '1'], { home })
    expect(back).toEqual({ space: 'pca', version: 1 })
    const { spaces } = await summaryOf(home, 'shapes')
    expect(spaces.find(({ name }) => name === 'pca')).toMatchObject({ version: 1, dim: 3 })
    const none = await refusal(['encoders', 'revert', 'shapes/pca', '--version', '9'], home)
    expect(none.code).toBe('ENCODER_NOT_FOUND')
  })
})

describe('training that cannot be', () => {
  it('is refused over a folder without pictures, over one picture, and over pictures that are all the same', async () => {
    const home = await folders.make()
    const empty = await folders.make()
    await writeFile(join(empty, 'a.md'), 'no picture here')
    expect((await add(home, 'texts', empty)).added).toBe(1)
    const none = await refusal(['train', 'texts', '--encoder', 'pca'], home)
    expect(none).toMatchObject({ code: 'TOO_FEW_IMAGES', message: expect.stringContaining('no image') })

    const [one] = await drawnImages(1)
    const single = await folders.make()
    await writeFile(join(single, 'one.png'), one?.png ?? '')
    expect((await add(home, 'single', single)).added).toBe(1)
    const few = await refusal(['train', 'single', '--encoder', 'vae'], home)
    expect(few).toMatchObject({ code: 'TOO_FEW_IMAGES', message: expect.stringContaining('one image') })

    const same = await folders.make()
    for (let i = 0; i < 5; i++) await writeFile(join(same, `${i}.png`), one?.png ?? '')
    expect((await add(home, 'same', same)).added).toBe(5)
    const alike = await refusal(['train', 'same', '--encoder', 'autoencoder'], home)
    expect(alike).toMatchObject({ code: 'TOO_FEW_IMAGES', message: expect.stringContaining('the same') })

    const wide = await refusal(['train', 'same', '--encoder', 'pca', '--dim', '6'], home)
    expect(wide).toMatchObject({ code: 'TOO_FEW_IMAGES', message: expect.stringContaining('dim is 6') })
    for (const collection of ['texts', 'single', 'same']) {
      const { spaces } = await summaryOf(home, collection)
      expect(spaces.map(({ name }) => name)).not.toContain('pca')
    }
  })

  it('is no matter of sizes: pictures of many sides, from one pixel on, are trained on together', async () => {
    const home = await folders.make()
    const root = await folders.make()
    for (let i = 0; i < 40; i++) {
      const [width, height] = i === 0 ? [1, 1] : [3 + 17 * i, 5 + 11 * (40 - i)]
      const background = { r: (i * 37) % 256, g: (i * 91) % 256, b: (i * 53) % 256 }
      const file = sharp({ create: { width, height, channels: 3, background } })
      await file.png().toFile(join(root, `${i}.png`))
    }
    expect((await add(home, 'sizes', root)).added).toBe(40)
    const trained = await kindredHereJson<FitResult>(['train', 'sizes', '--encoder', 'pca', '--dim', '3'], {
      home,
    })
    expect(trained).toMatchObject({ dim: 3, scored: 40 })
  })
})

describe('training that is broken off', () => {
  /** A server with a collection of pictures, and a training job of it that has begun to learn. */
  async function training(home: string) {
    const server = await startServer(home)
    await add(home, 'shapes', await drawFolder(60))
    const before = await summaryOf(home, 'shapes')
    const trainer = start(['train', 'shapes', '--encoder', 'vae', '--epochs', '1000', '--json'], { home })
    const job = await jobInPhase(server.url, 'fitting')
    return { server, before, trainer, job }
  }

  /** Follows the job's events until it is in that phase. */
  async function jobInPhase(url: string, phase: string): Promise<string> {
    for (;;) {
      const { jobs } = (await (await fetch(`${url}/v1/jobs`)).json()) as { jobs: Job[] }
      const job = jobs.find(({ kind }) => kind === 'train')
      if (!job) continue
      const events = await fetch(`${url}/v1/jobs/${job.id}/events`)
      let text = ''
      for await (const part of events.body ?? []) {
        text += Buffer.from(part).toString()
        if (text.includes(`"message":"${phase}"`)) return job.id
      }
      throw new Error(`job ${job.id} ended before ${phase}: ${text.slice(-500)}`)
    }
  }

  it('by Ctrl-C leaves the collection as it was, and the job says cancelled', async () => {
    const home = await folders.make()
    const { server, before, trainer, job } = await training(home)
    trainer.child.kill('SIGINT')
    const { code } = await trainer.ended
    expect(code).toBe(130)
    const ended = (await (await fetch(`${server.url}/v1/jobs/${job}`)).json()) as Job
    expect(ended.state).toBe('cancelled')
    expect(await summaryOf(home, 'shapes')).toEqual(before)
    server.child.kill('SIGTERM')
    await server.ended
  }, 60_000)

  it('by the death of the process leaves the collection as it was, and the job says failed', async () => {
    const home = await folders.make()
    const { server, before, trainer, job } = await training(home)
    server.child.kill('SIGKILL')
    await Promise.all([server.ended, trainer.ended])
    expect(await summaryOf(home, 'shapes')).toEqual(before)
    const next = await startServer(home)
    const found = (await (await fetch(`${next.url}/v1/jobs/${job}`)).json()) as Job
    expect(found).toMatchObject({ state: 'failed', error: { code: 'JOB_INTERRUPTED' } })
    next.child.kill('SIGTERM')
    await next.ended
  }, 60_000)
})
