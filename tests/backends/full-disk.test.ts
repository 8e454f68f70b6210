import { spawnSync } from 'node:child_process'
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EmbeddedBackend } from '#src/backends/embedded/embedded-backend.js'
import { RecordingJobs } from '../support/backend-items.js'
import { temporaryFolder } from '../support/test-home.js'
import { fillOnce, imageItem, introduce, toyEncoder, toyPicture } from '../support/toy-encoder.js'

/** Makes a small disk of a folder, which takes the right to mount one. */
function mount(path: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', path]).status === 0
}

function unmount(path: string): void {
  spawnSync('umount', [path])
}

const probe = temporaryFolder()
const mayMount = mount(probe.path)
if (mayMount) unmount(probe.path)
probe.remove()

describe.skipIf(!mayMount)('on a full disk (skipped where this user may not mount a small one)', () => {
  const FIRST = toyEncoder('toy-1', 8)
  const LARGE = toyEncoder('toy-2', 4_096)
  const LARGE_PICTURE = new Uint8Array(2 << 20)
  const COUNT = 300
  let home: ReturnType<typeof temporaryFolder>
  let backend: EmbeddedBackend

  beforeEach(async () => {
    home = temporaryFolder()
    mount(home.path)
    backend = await EmbeddedBackend.open({ home: home.path, jobs: new RecordingJobs() })
    await backend.createCollection({ name: 'photos', spaces: [] })
    await backend.upsert(
      'photos',
      Array.from({ length: COUNT }, (_, i) => imageItem(`i${i}`, toyPicture(i & 255, i))),
    )
    await introduce(backend, 'photos', 'look', FIRST)
  })
  afterEach(async () => {
    await backend.close()
    unmount(home.path)
    home.remove()
  })

  const ballast = (): string => join(home.path, 'ballast')
  /** Leaves so many bytes free. */
  function fillDisk(free: number): void {
    const { bavail, bsize } = statfsSync(home.path)
    writeFileSync(ballast(), Buffer.alloc(Math.max(0, bavail * bsize - free), 1))
  }
  const nearest = async (i: number): Promise<string | undefined> => {
    const vectors = [FIRST.vector(toyPicture(i & 255, i))]
    const query = { space: 'look', encoder: 'toy-1', metric: 'euclidean', k: 1, vectors } as const
    return (await backend.nearest('photos', query)).hits[0]?.id
  }

  it('an encoder that does not fit is refused with DISK_FULL, and all is as it was once it is dropped', async () => {
    const version = { collection: 'photos', space: 'look', version: 2, encoder: LARGE }
    await backend.stageEncoder('photos', 'look', LARGE.version)
    fillDisk(1 << 20)
    await expect(fillOnce(backend, version)).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringContaining('nothing of this write was kept'),
    })
    expect(await nearest(7)).toBe('i7')
    expect(await backend.promoteEncoder('photos', 'look', 2)).toBe(false)
    // whether a write as small as this still fits depends on how far the write-ahead log was moved into the database
    const drop = () => backend.dropEncoder('photos', 'look', 2)
    const tried = await drop().then(
      () => 'dropped',
      ({ code }) => code,
    )
    expect(['dropped', 'DISK_FULL']).toContain(tried)
    expect(await nearest(7)).toBe('i7')
    rmSync(ballast())
    await drop()
    expect(await backend.encoderVersions('photos', 'look')).toHaveLength(1)
    await backend.upsert('photos', [imageItem('new', toyPicture(1, 60_000), 'look', [FIRST])])
    expect((await backend.stats('photos')).vectors.look?.live).toBe(COUNT + 1)
  })

  it('a picture that does not fit is refused with DISK_FULL, and nothing of its batch is kept', async () => {
    fillDisk(1 << 20)
    const large = imageItem('large', LARGE_PICTURE)
    const batch = [imageItem('small', toyPicture(1, 60_000)), large]
    await expect(backend.upsert('photos', batch)).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect((await backend.stamps('photos', ['small', 'large'])).size).toBe(0)
    expect(await backend.countImages('photos')).toBe(COUNT)
    rmSync(ballast())
    await backend.upsert('photos', batch)
    expect(await backend.countImages('photos')).toBe(COUNT + 2)
  })
})
