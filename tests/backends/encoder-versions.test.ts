import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EmbeddedBackend } from '#src/backends/embedded/embedded-backend.js'
import { openDatabase } from '#src/backends/embedded/sqlite.js'
import type { EncoderVersion } from '#src/core/backend.js'
import { RecordingJobs } from '../support/backend-items.js'
import { temporaryFolder } from '../support/test-home.js'
import {
  fillOnce,
  imageItem,
  introduce,
  type ToyEncoder,
  toyEncoder,
  toyPicture,
} from '../support/toy-encoder.js'

let home: ReturnType<typeof temporaryFolder>
let jobs: RecordingJobs
let backend: EmbeddedBackend

async function open(): Promise<void> {
  jobs = new RecordingJobs()
  backend = await EmbeddedBackend.open({ home: home.path, jobs })
}

async function reopen(): Promise<void> {
  await backend.close()
  await open()
}

/** What lies in the database, for what the port does not show. */
function count(from: string): number {
  const db = openDatabase(join(home.path, 'kindred.db'), { readonly: true })
  try {
    return Number(db.prepare(`SELECT count(*) FROM ${from}`).pluck().get())
  } finally {
    db.close()
  }
}

const purged = () => expect.poll(() => count('dropped'), { timeout: 20_000 }).toBe(0)
const states = (versions: readonly EncoderVersion[]): [number, string, number][] =>
  versions.map(({ version, state, vectors }) => [version, state, vectors])

beforeEach(() => {
  home = temporaryFolder()
})

afterEach(async () => {
  await backend?.close()
  home.remove()
})

describe('a process that is killed', () => {
  const COUNT = 700

  /** Runs until it says so, then kills it. */
  async function killAt(step: string, times = 1): Promise<void> {
    const script = fileURLToPath(new URL('./fill-until-killed.mjs', import.meta.url))
    const child = spawn(process.execPath, [script, home.path, String(COUNT)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    let seen = 0
    for await (const line of createInterface(child.stdout)) {
      if (line === step && ++seen === times) child.kill('SIGKILL')
    }
    expect(await ended).toEqual([null, 'SIGKILL'])
    await open()
  }

  /** Whether every item is found by its own vector, and nothing else is. */
  async function expectWhole(encoder: string, dim: number): Promise<void> {
    const query = { space: 'look', encoder, metric: 'euclidean' } as const
    for (const i of [0, 350, COUNT - 1]) {
      const vector = Float32Array.from({ length: dim }, (_, axis) => Math.sin((i + 1) * (axis + 1)))
      const { hits } = await backend.nearest('photos', { ...query, vectors: [vector], k: COUNT + 1 })
      expect(hits).toHaveLength(COUNT)
      expect(hits[0]).toMatchObject({ id: `i${i}`, distance: expect.closeTo(0, 3) })
    }
    const counts = await backend.countAnomalies('photos', 'look', 'reconstruction')
    expect(counts).toEqual({ scored: COUNT, flagged: COUNT - 91 })
  }

  it('while the first version is filled leaves the collection as it was', async () => {
    await killAt('filled 1', 3)
    expect(await backend.getCollection('photos')).toEqual({ name: 'photos', spaces: [] })
    await expect(backend.encoderVersions('photos', 'look')).rejects.toMatchObject({
      code: 'SPACE_NOT_FOUND',
    })
    expect(await backend.countImages('photos')).toBe(COUNT)
    await purged()
    for (const table of [
      'vectors',
      'encoders',
      'spaces',
      'encoder_files',
      'anomalies',
      'detectors',
      'changes',
    ]) {
      expect(count(table)).toBe(0)
    }
  })

  it('while another version is filled leaves the one that is searched', async () => {
    await killAt('filled 2', 4)
    expect(states(await backend.encoderVersions('photos', 'look'))).toEqual([[1, 'current', COUNT]])
    await expectWhole('toy-1', 4)
    await purged()
    expect(count('vectors')).toBe(COUNT)
    expect(count('anomalies')).toBe(COUNT)
    expect(count('detectors')).toBe(1)
  })

  it('right after it was staged leaves nothing of it', async () => {
    await killAt('staged 2')
    expect(states(await backend.encoderVersions('photos', 'look'))).toEqual([[1, 'current', COUNT]])
    await expectWhole('toy-1', 4)
    await purged()
    expect(count('encoder_files')).toBe(1)
  })

  it('while a version is promoted leaves the one or the other', async () => {
    await killAt('promoting 2')
    const versions = states(await backend.encoderVersions('photos', 'look'))
    const current = versions[0]?.[0]
    if (current === 2) await expectWhole('toy-2', 6)
    else await expectWhole('toy-1', 4)
    expect(versions).toEqual(
      current === 2
        ? [
            [2, 'current', COUNT],
            [1, 'retired', COUNT],
          ]
        : [[1, 'current', COUNT]],
    )
  })

  it('after a promotion was acknowledged has it, the one before, and nothing of those dropped', async () => {
    await killAt('promoted 3')
    expect(states(await backend.encoderVersions('photos', 'look'))).toEqual([
      [3, 'current', COUNT],
      [2, 'retired', COUNT],
    ])
    await expectWhole('toy-3', 5)
    await purged()
    expect(count('vectors')).toBe(2 * COUNT)
    expect(await backend.promoteEncoder('photos', 'look', 2)).toBe(true)
    await expectWhole('toy-2', 6)
  })
})

describe('with indexes', () => {
  const FIRST = toyEncoder('toy-1', 8)
  const SECOND = toyEncoder('toy-2', 12)
  const COUNT = 1_500
  const PICTURES = Array.from({ length: COUNT }, (_, i) => toyPicture(i & 255, i))

  beforeEach(async () => {
    await open()
    await backend.createCollection({ name: 'photos', spaces: [] })
    await backend.upsert(
      'photos',
      PICTURES.map((picture, i) => imageItem(`i${i}`, picture)),
    )
    await introduce(backend, 'photos', 'look', FIRST)
    await backend.settled('photos')
  })

  const files = (): string[] => readdirSync(join(home.path, 'cache')).sort()
  const nearest = async (encoder: ToyEncoder, i: number): Promise<string> => {
    const vectors = [encoder.vector(PICTURES[i] as Uint8Array)]
    const query = { space: 'look', encoder: encoder.id, metric: 'euclidean', k: 1, vectors } as const
    const answer = await backend.nearest('photos', query)
    return `${answer.hits[0]?.id} by ${answer.strategy}`
  }

  it('a promoted version gets its own, which serves at the next opening', async () => {
    const before = files()
    expect(before.filter((file) => file.endsWith('.json'))).toHaveLength(2)
    await introduce(backend, 'photos', 'look', SECOND)
    await backend.settled('photos')
    expect((await backend.stats('photos')).vectors.look).toEqual({ live: COUNT, indexed: COUNT })
    expect(await nearest(SECOND, 700)).toBe('i700 by hnsw')
    const after = files()
    expect(after).toHaveLength(before.length)
    expect(after.filter((file) => before.includes(file))).toEqual([])
    await reopen()
    expect(await nearest(SECOND, 700)).toBe('i700 by hnsw')
    expect((await backend.stats('photos')).vectors.look).toEqual({ live: COUNT, indexed: COUNT })
    expect(jobs.messages).toEqual([])
  })

  it('a version that is brought back gets new ones', async () => {
    await introduce(backend, 'photos', 'look', SECOND)
    await backend.remove('photos', ['i3'])
    expect(await backend.promoteEncoder('photos', 'look', 1)).toBe(true)
    await backend.settled('photos')
    expect(await nearest(FIRST, 700)).toBe('i700 by hnsw')
    expect(await nearest(FIRST, 3)).not.toMatch(/^i3 /)
    await reopen()
    expect(await nearest(FIRST, 701)).toBe('i701 by hnsw')
    expect(jobs.messages).toEqual([])
  })

  it('a promotion in the midst of an index build loses nothing', async () => {
    await backend.stageEncoder('photos', 'look', SECOND.version)
    await fillOnce(backend, { collection: 'photos', space: 'look', version: 2, encoder: SECOND })
    const more = Array.from({ length: 600 }, (_, i) => toyPicture(i & 255, COUNT + i))
    await backend.upsert(
      'photos',
      more.map((picture, i) => imageItem(`m${i}`, picture, 'look', [FIRST, SECOND])),
    )
    const settled = backend.settled('photos')
    expect(await backend.promoteEncoder('photos', 'look', 2)).toBe(true)
    await settled
    await backend.settled('photos')
    expect((await backend.stats('photos')).vectors.look).toEqual({ live: 2_100, indexed: 2_100 })
    expect(await nearest(SECOND, 700)).toBe('i700 by hnsw')
    expect(new Set(files().map((file) => file.split('-')[0])).size).toBe(1)
  })

  it('a collection that nobody asked yet is promoted without being read', async () => {
    await backend.stageEncoder('photos', 'look', SECOND.version)
    await fillOnce(backend, { collection: 'photos', space: 'look', version: 2, encoder: SECOND })
    expect(await backend.promoteEncoder('photos', 'look', 2)).toBe(true)
    await reopen()
    expect(await backend.promoteEncoder('photos', 'look', 1)).toBe(true)
    expect(await nearest(FIRST, 5)).toBe('i5 by exact')
    expect(await nearest(FIRST, 700)).toMatch(/^i700 /)
  })

  it('what a dropped version left is removed, also after it was closed meanwhile', async () => {
    await introduce(backend, 'photos', 'look', SECOND)
    await backend.dropEncoder('photos', 'look', 1)
    await reopen()
    await purged()
    expect(count('vectors')).toBe(COUNT)
    expect(await nearest(SECOND, 9)).toMatch(/^i9 /)
    await backend.deleteCollection('photos')
    await purged()
    for (const table of ['vectors', 'items', 'images', 'encoders', 'spaces', 'changes', 'encoder_files']) {
      expect(count(table)).toBe(0)
    }
    expect(files()).toEqual([])
  })

  it('versions that are not searched have a log of one change', async () => {
    await introduce(backend, 'photos', 'look', SECOND)
    await backend.stageEncoder('photos', 'look', toyEncoder('toy-3', 4).version)
    for (let i = 0; i < 5; i++) {
      const encoders = [SECOND, FIRST, toyEncoder('toy-3', 4)]
      await backend.upsert('photos', [imageItem('again', toyPicture(1, 60_000 + i), 'look', encoders)])
    }
    const unsearched = `(SELECT key FROM encoders WHERE state <> 'current')`
    expect(count(`changes WHERE encoder IN ${unsearched}`)).toBe(2)
  })
})
