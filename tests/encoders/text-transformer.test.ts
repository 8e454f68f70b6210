import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dot } from '#src/core/vectors.js'
import { BulkCall } from '#src/encoders/bulk-call.js'
import { type ModelFolder, readModelFolder } from '#src/encoders/model-folder.js'
import { pool } from '#src/encoders/onnx-model.js'
import { TextTransformer } from '#src/encoders/text-transformer.js'
import { tokenBatches } from '#src/encoders/token-batches.js'
import { bundled, temporaryFolder } from './folders.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const numbered = (n: number): string[] => Array.from({ length: n }, (_, i) => `this is text number ${i}`)

let model: ModelFolder
let encoder: TextTransformer
beforeAll(async () => {
  model = await readModelFolder(bundled('all-MiniLM-L6-v2'))
  encoder = await TextTransformer.create(model, { threads: 2 })
})
afterAll(() => encoder.dispose())

describe('TextTransformer', () => {
  it('lets queries overtake passages that wait', async () => {
    let finished = false
    let begun = (): void => {}
    const first = new Promise<void>((resolve) => {
      begun = resolve
    })
    const bulk = encoder.encodePassages(numbered(1500), { onProgress: () => begun() }).then(() => {
      finished = true
    })
    await first
    for (let i = 0; i < 3; i++) await encoder.encode([`question ${i}`], { as: 'query' })
    expect(finished).toBe(false)
    await bulk
  })

  it('gives each of many queries at once its own answer', async () => {
    const texts = numbered(100)
    const expected = await encoder.encode(texts, { as: 'passage' })
    const answers = await Promise.all(texts.map((text) => encoder.encode([text], { as: 'query' })))
    answers.forEach(([answer], i) => {
      expect(dot(answer?.vector as Float32Array, expected[i]?.vector as Float32Array)).toBeGreaterThan(
        0.99999,
      )
    })
  })

  it('serves two long calls at the same time', async () => {
    const order: string[] = []
    const run = (name: string) =>
      encoder.encodePassages(numbered(400), { onProgress: (done) => done < 400 && order.push(name) })
    await Promise.all([run('a'), run('b')])
    expect(order.indexOf('b')).toBeLessThan(order.lastIndexOf('a'))
  })

  it('takes 10,000 texts without holding the calling thread', async () => {
    const texts = numbered(10_000)
    const abort = new AbortController()
    const started = performance.now()
    const running = encoder.encode(texts, { as: 'passage', signal: abort.signal })
    // tokenizing them here would take seconds; a busy machine may take this thread away for a while
    expect(performance.now() - started).toBeLessThan(500)
    abort.abort()
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  it('refuses with BUSY what its queue cannot hold, and goes on', async () => {
    const small = await TextTransformer.create(model, { threads: 1, maxQueued: 300 })
    await expect(small.encode(numbered(301), { as: 'passage' })).rejects.toMatchObject({ code: 'BUSY' })
    const running = small.encode(numbered(300), { as: 'passage' })
    await expect(small.encode(['one more'], { as: 'query' })).rejects.toMatchObject({
      code: 'BUSY',
      message: expect.stringContaining('300 wait already'),
    })
    expect(await running).toHaveLength(300)
    expect(await small.encode(['now'], { as: 'query' })).toHaveLength(1)
    await small.dispose()
  })

  it('passes an error of onProgress on, and stops', async () => {
    const running = encoder.encodePassages(numbered(200), {
      onProgress: () => {
        throw new Error('no more')
      },
    })
    await expect(running).rejects.toThrow('no more')
  })

  it('rejects what a thread had when it ended, starts another, and gives up after several', async () => {
    const worker = new URL('./fixtures/crashing-worker.mjs', import.meta.url)
    const fragile = await TextTransformer.create(model, { threads: 1, worker })
    for (let i = 0; i < 5; i++) {
      const text = i % 2 ? 'crash' : 'throw'
      await expect(fragile.encode([text], { as: i < 3 ? 'query' : 'passage' })).rejects.toMatchObject({
        code: 'INTERNAL',
        message: expect.stringContaining(i % 2 ? 'ended unexpectedly' : 'thrown on purpose'),
      })
      expect(await fragile.encode(['fine'], { as: 'query' })).toHaveLength(1)
    }
    await expect(fragile.encode(['crash'], { as: 'query' })).rejects.toMatchObject({ code: 'INTERNAL' })
    await expect(fragile.encode(['fine'], { as: 'query' })).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('given up'),
    })
    await fragile.dispose()
  })

  it('does not keep a process alive that has nothing left to do', async () => {
    const script = `
      import { readModelFolder } from '${root}dist/encoders/model-folder.js'
      import { TextTransformer } from '${root}dist/encoders/text-transformer.js'
      const encoder = await TextTransformer.create(await readModelFolder(${JSON.stringify(bundled('all-MiniLM-L6-v2'))}))
      console.log((await encoder.encode(['a', 'b'], { as: 'passage' })).length)`
    const run = promisify(execFile)
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { timeout: 30_000 })
    expect(stdout).toBe('2\n')
  })

  it('names the command to run when the native addon is missing', async () => {
    const folder = await temporaryFolder()
    for (const part of ['core', 'encoders', 'tensor'])
      await cp(join(root, 'dist', part), join(folder, 'dist', part), { recursive: true })
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
    await mkdir(join(folder, 'node_modules/onnxruntime-node'), { recursive: true })
    for (const name of ['@huggingface', 'onnxruntime-common'])
      await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name))
    for (const name of await readdir(join(root, 'node_modules/onnxruntime-node')))
      if (name !== 'bin')
        await cp(
          join(root, 'node_modules/onnxruntime-node', name),
          join(folder, 'node_modules/onnxruntime-node', name),
          {
            recursive: true,
          },
        )
    const copy = (await import(join(folder, 'dist/encoders/text-transformer.js'))) as {
      TextTransformer: typeof TextTransformer
    }
    await expect(copy.TextTransformer.create(model)).rejects.toMatchObject({
      code: 'NATIVE_ADDON_MISSING',
      message: expect.stringContaining('ONNXRUNTIME_NODE_INSTALL=skip npm install'),
    })
  })
})

describe('the ONNX Runtime', () => {
  it('is the one that @huggingface/transformers pins, so that there is one copy', () => {
    const require = createRequire(import.meta.url)
    const ours = require('../../package.json') as { dependencies: Record<string, string> }
    const theirs = require(
      join(dirname(require.resolve('@huggingface/transformers')), '../package.json'),
    ) as typeof ours
    for (const name of ['onnxruntime-node', '@huggingface/tokenizers'] as const)
      if (theirs.dependencies[name]) {
        const pinned = theirs.dependencies[name].replace(/^[\^~]/, '')
        expect(`${name} ${ours.dependencies[name]}`).toBe(`${name} ${pinned}`)
      }
    expect(theirs.dependencies['onnxruntime-node']).toBeDefined()
  })
})

describe('BulkCall', () => {
  it('hands out each text once, longest first, and gathers vectors and passages in order', () => {
    const texts = ['', 'aa', 'a long one', '', 'b']
    const call = new BulkCall(texts, { role: 'passage', split: true, sliceTexts: 2 })
    const seen: string[] = []
    while (call.hasNext) {
      const slice = call.next()
      seen.push(...slice.task.texts)
      const n = slice.task.texts.length
      const long = slice.task.split ? slice.task.texts.indexOf('a long one') : -1
      call.accept(slice, {
        vectors: Float32Array.from(slice.task.texts, (text) => text.length),
        tokens: new Uint32Array(n).fill(1),
        splits: long < 0 ? [] : [{ index: long, borders: Uint32Array.of(0, 6, 4, 10) }],
      })
    }
    expect(seen).toEqual(['a long one', 'aa', 'a long', 'ng one', 'b', '', ''])
    expect(call.finished).toBe(true)
    expect(
      call.results.map((parts) => parts.map(({ vector, start, end }) => [vector[0], start, end])),
    ).toEqual([
      [[0, 0, 0]],
      [[2, 0, 2]],
      [
        [6, 0, 6],
        [6, 4, 10],
      ],
      [[0, 0, 0]],
      [[1, 0, 1]],
    ])
  })
})

describe('tokenBatches', () => {
  it('takes each text once and keeps within its limits, padding included', () => {
    const lengths = Array.from({ length: 200 }, (_, i) => 1 + ((i * 37) % 120))
    const batches = tokenBatches(lengths, { texts: 16, tokens: 256 })
    expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i))
    for (const batch of batches) {
      const longest = Math.max(...batch.map((i) => lengths[i] ?? 0))
      expect(batch.length).toBeLessThanOrEqual(16)
      expect(batch.length * longest).toBeLessThanOrEqual(256)
    }
    expect(tokenBatches([900, 900], { texts: 16, tokens: 256 })).toEqual([[0], [1]])
  })
})

describe('pool', () => {
  const states = Float32Array.of(1, 2, 3, 4, 9, 9, 5, 6, 7, 8, 0, 2)
  it.each([
    ['mean', [2, 3, 4, 16 / 3]],
    ['cls', [1, 2, 5, 6]],
    ['last', [3, 4, 0, 2]],
  ] as const)('by %s reads no padding', (pooling, expected) => {
    const vectors = pool(states, { pooling, lengths: [2, 3], longest: 3, dim: 2 })
    for (const [i, value] of expected.entries()) expect(vectors[i]).toBeCloseTo(value, 5)
  })
})
