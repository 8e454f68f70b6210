import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { encodePng } from '#src/images/encode-png.js'
import { explainImage } from '#src/images/explain-image.js'
import { ImageWorkers, type ImageWorkersOptions } from '#src/images/image-workers.js'
import { renderImage, renderPixels } from '#src/images/render-image.js'
import { Turn } from '#src/images/turn.js'
import { blackPng, pngOf, quarters } from './make-images.js'

const pools: ImageWorkers[] = []
function makePool(options?: ImageWorkersOptions): ImageWorkers {
  const pool = ImageWorkers.create(options)
  pools.push(pool)
  return pool
}
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
})

describe('ImageWorkers', () => {
  it('gives what rendering without threads gives, each to whoever asked', async () => {
    const pool = makePool({ threads: 2 })
    const files = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        quarters(20 + 30 * i, 40)
          .jpeg()
          .toBuffer(),
      ),
    )
    const expected = []
    for (const file of files) expected.push(await renderImage(file))
    expect(await Promise.all(files.map((file) => pool.render(file)))).toEqual(expected)
    const pixels = {
      width: 4,
      height: 2,
      channels: 1 as const,
      values: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    }
    expect(await pool.render(pixels)).toEqual(await renderPixels(pixels))
    // the caller's bytes stay the caller's
    expect(files[0]?.length).toBeGreaterThan(0)
    expect(pixels.values).toHaveLength(8)
  })

  it('passes on why a picture cannot be rendered, and goes on with the next', async () => {
    const pool = makePool({ threads: 1 })
    const [text, bomb, sound] = await Promise.allSettled([
      pool.render(Buffer.from('no picture')),
      pool.render(pngOf(50_000, 50_000)),
      pool.render(await quarters(9, 9).png().toBuffer()),
    ])
    expect(text).toMatchObject({ reason: { name: 'EngineError', code: 'INVALID_IMAGE' } })
    expect(bomb).toMatchObject({ reason: { code: 'IMAGE_TOO_LARGE', details: { width: 50_000 } } })
    expect(sound).toMatchObject({ value: { width: 9, height: 9 } })
  })

  it('explains pictures, given as files or as pixels, beside what it renders', async () => {
    const pool = makePool({ threads: 2 })
    const made = { width: 6, height: 6, channels: 1 as const, values: new Uint8Array(36).fill(40) }
    const values = made.values.slice().fill(250, 14, 16)
    const picture = { ...made, values }
    const [explained, rendered, ofFiles, broken] = await Promise.allSettled([
      pool.explain({ picture, reconstruction: made }),
      pool.render(picture),
      pool.explain({ picture: await encodePng(picture), reconstruction: await encodePng(made) }),
      pool.explain({ picture: Buffer.from('no picture'), reconstruction: made }),
    ])
    const expected = await explainImage({ picture, reconstruction: made })
    expect(explained).toEqual({ status: 'fulfilled', value: expected })
    expect(ofFiles).toEqual({ status: 'fulfilled', value: expected })
    expect(rendered).toEqual({ status: 'fulfilled', value: await renderPixels(picture) })
    expect(broken).toMatchObject({ reason: { code: 'INVALID_IMAGE' } })
    expect(values).toHaveLength(36)

    // a photograph of another size and kind is brought to the reconstruction's
    const photograph = await quarters(90, 60).jpeg().toBuffer()
    const colour = await quarters(32, 32).webp().toBuffer()
    const { error, region } = await pool.explain({ picture: photograph, reconstruction: colour })
    expect(error).toBeGreaterThan(0)
    expect((region?.x ?? 0) + (region?.width ?? 0)).toBeLessThanOrEqual(32)
  })

  it('is busy while too many wait', async () => {
    const pool = makePool({ threads: 1, queue: 3 })
    const png = await quarters(9, 9).png().toBuffer()
    // two are with the thread, three wait
    const taken = Array.from({ length: 5 }, () => pool.render(png))
    await expect(pool.render(png)).rejects.toMatchObject({ code: 'BUSY' })
    expect(await Promise.all(taken)).toHaveLength(5)
    await expect(pool.render(png)).resolves.toMatchObject({ width: 9 })
  })

  it('lets go of what is cancelled, at any time', async () => {
    const pool = makePool({ threads: 1 })
    const png = await quarters(9, 9).png().toBuffer()
    await expect(pool.render(png, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    const abort = new AbortController()
    const renderings = Array.from({ length: 5 }, () => pool.render(png, { signal: abort.signal }))
    const other = pool.render(png)
    abort.abort()
    for (const { status } of await Promise.allSettled(renderings)) expect(status).toBe('rejected')
    await expect(renderings[4]).rejects.toMatchObject({ code: 'CANCELLED' })
    await expect(other).resolves.toMatchObject({ width: 9 })
  })

  it('refuses what waits, and all that comes later, when it is closed, as often as that happens', async () => {
    const pool = makePool({ threads: 1 })
    const png = await quarters(9, 9).png().toBuffer()
    const renderings = Array.from({ length: 4 }, () => pool.render(png))
    const ended = Promise.allSettled(renderings)
    await Promise.all([pool.close(), pool.close()])
    for (const result of await ended) expect(result).toMatchObject({ reason: { code: 'CLOSED' } })
    await expect(pool.render(png)).rejects.toMatchObject({ code: 'CLOSED' })
    await pool.close()
    await makePool().close()
  })

  it('renders several large pictures at the same time as others', async () => {
    const pool = makePool({ threads: 2 })
    const large = blackPng(6000, 5000)
    const small = await quarters(9, 9).png().toBuffer()
    const rendered = await Promise.all([large, small, large, small, large].map((file) => pool.render(file)))
    expect(rendered.map(({ width }) => width)).toEqual([6000, 9, 6000, 9, 6000])
  })

  it('does not keep the process alive', async () => {
    const script = `
      const { ImageWorkers } = await import(${JSON.stringify(import.meta.resolve('#src/images/image-workers.js'))})
      const values = new Uint8Array(4)
      const { width } = await ImageWorkers.create().render({ width: 2, height: 2, channels: 1, values })
      process.stdout.write('rendered ' + width)`
    const { execFile } = await import('node:child_process')
    const { promisify } = await import('node:util')
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
    expect(stdout).toBe('rendered 2')
  })
})

describe('Turn', () => {
  it('is one thread’s until it is given back', async () => {
    const memory = Turn.memory()
    const given = new Int32Array(new SharedArrayBuffer(4))
    const [first, second] = [new Turn(memory, 1), new Turn(memory, 2)]
    first.take()
    const worker = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads')
       import(workerData.turn).then(({ Turn }) => {
         parentPort.postMessage('asks')
         new Turn(workerData.memory, 2).take()
         parentPort.postMessage(workerData.given[0] === 1 ? 'has it' : 'took it')
       })`,
      { eval: true, workerData: { turn: import.meta.resolve('#src/images/turn.js'), memory, given } },
    )
    const next = (): Promise<string> => new Promise((resolve) => worker.once('message', resolve))
    expect(await next()).toBe('asks')
    const got = next()
    // no effect: it is not the second's
    second.giveBack()
    given[0] = 1
    first.giveBack()
    expect(await got).toBe('has it')
    // for a thread that died with it
    second.giveBack()
    first.take()
    await worker.terminate()
  })
})
