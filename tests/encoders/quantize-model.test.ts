import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EngineError } from '#src/core/errors.js'
import { readModelFolder } from '#src/encoders/model-folder.js'
import { type KindDecision, quantizeModel } from '#src/encoders/quantize/quantize.js'
import { readModel } from '#src/tensor/onnx-file.js'
import { type TinyOptions, tinyEncoder, writeTinyFolder } from './quantize-fixture.js'

const MODELS = new URL('../../data/models/', import.meta.url).pathname

let root: string
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'kindred-quantize-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const tiny = (name: string, options?: TinyOptions) => writeTinyFolder(join(root, name), tinyEncoder(options))

/** A few of the built-in kind; the encoder of the tests reads letters only. */
const TEXTS = Array.from({ length: 24 }, (_, i) =>
  'the quick brown fox jumps over the lazy dog and runs home to sleep'
    .split(' ')
    .slice(i % 7, 8 + (i % 5))
    .join(' '),
)

const methods = (kinds: readonly KindDecision[]) =>
  Object.fromEntries(kinds.map(({ kind, method }) => [kind, method]))

const ALL_PER_ROW = {
  embeddings: 'per-row',
  'query-key-value': 'per-row',
  'attention-output': 'per-row',
  'feed-forward-1': 'per-row',
  'feed-forward-2': 'per-row',
}

/** The EngineError that a promise ends with. */
async function failure(promise: Promise<unknown>): Promise<EngineError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(EngineError)
  return error as EngineError
}

describe('quantizeModel', () => {
  it('takes per-row for every kind of an encoder without outliers, and writes a whole folder', async () => {
    const input = tiny('plain')
    const output = join(root, 'plain-out')
    const steps: string[] = []
    const report = await quantizeModel({
      input,
      output,
      onProgress: (_done, _total, message) => steps.push(message),
    })
    expect(methods(report.kinds)).toEqual(ALL_PER_ROW)
    expect(report.kinds.map(({ layers }) => layers)).toEqual([1, 6, 2, 2, 2])
    expect(report.cosine.mean).toBeGreaterThan(0.995)
    expect(report.aloneToBatched).toBeGreaterThan(0.999999)
    expect(report.size.quantized).toBeLessThan(report.size.fp32 * 0.4)
    expect(report.texts).toBeGreaterThan(90)
    expect(steps.at(-1)).toBe('done')

    const { files } = JSON.parse(readFileSync(join(output, 'files.json'), 'utf8'))
    expect(Object.keys(files).sort()).toEqual([
      'config.json',
      'kindred.json',
      'onnx/model_quantized.onnx',
      'tokenizer.json',
      'tokenizer_config.json',
    ])
    const bytes = readFileSync(join(output, 'onnx/model_quantized.onnx'))
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    expect(files['onnx/model_quantized.onnx']).toEqual({ size: bytes.length, sha256 })
    expect(report.sha256).toBe(sha256)
    expect(JSON.parse(readFileSync(join(output, 'kindred.json'), 'utf8'))).toEqual({ pooling: 'mean' })
    const model = readModel(bytes, 'the model')
    expect(model.graph.output.map(({ name }) => name)).toEqual(['last_hidden_state'])
    expect(model.graph.node.some(({ opType }) => opType === 'Tanh')).toBe(false)
    expect(await readModelFolder(output)).toMatchObject({
      batchInvariant: true,
      settings: { pooling: 'mean' },
    })
  })

  it('takes blocks for the one kind whose activations have outliers', async () => {
    const input = tiny('outliers', { outliers: 'one block', opset: 21 })
    const report = await quantizeModel({ input, output: join(root, 'outliers-out'), texts: TEXTS })
    const { 'feed-forward-2': chosen, ...others } = methods(report.kinds)
    expect(chosen).toMatch(/^blocks-[48]$/)
    expect({ ...others, 'feed-forward-2': 'per-row' }).toEqual(ALL_PER_ROW)
    const cosines = report.kinds.find(({ kind }) => kind === 'feed-forward-2')?.cosines
    expect(cosines?.['per-row']).toBeLessThan(0.97)
    expect(report.cosine.mean).toBeGreaterThan(0.99)
    expect(report.aloneToBatched).toBeGreaterThan(0.99999)
  })

  it('refuses per-row where there are outliers, with the figures, and leaves nothing behind', async () => {
    const input = tiny('refused', { outliers: 'one block' })
    const output = join(root, 'refused-out')
    const error = await failure(quantizeModel({ input, output, texts: TEXTS, method: 'per-row' }))
    expect(error.code).toBe('QUANTIZATION_REFUSED')
    expect(error.message).toMatch(
      /mean cosine of 0\.\d+ .* expected at least 0\.99; .*feed-forward-2 per-row 0\./,
    )
    expect(error.details).toMatchObject({ cosine: { mean: expect.any(Number) }, kinds: expect.any(Array) })
    expect(readdirSync(root).filter((name) => name.startsWith('refused-out'))).toEqual([])
  })

  it('refuses where even blocks of 8 bits stray too far', async () => {
    const input = tiny('hopeless', { outliers: 'every block' })
    const error = await failure(quantizeModel({ input, output: join(root, 'hopeless-out'), texts: TEXTS }))
    expect(error.code).toBe('QUANTIZATION_REFUSED')
    expect(error.message).toContain('feed-forward-2 blocks-8')
  })

  it('writes blocks throughout when asked', async () => {
    const input = join(tiny('blocks', { weights: 'gemm' }), 'onnx', 'model.onnx')
    const report = await quantizeModel({
      input,
      output: join(root, 'blocks-out'),
      texts: TEXTS,
      method: 'blocks',
    })
    expect(Object.values(methods(report.kinds)).every((method) => method.startsWith('blocks-'))).toBe(true)
    expect(report.cosine.mean).toBeGreaterThan(0.99)
  })

  it.each([
    ['all-MiniLM-L6-v2', 'MatMulInteger'],
    ['multilingual-e5-small', 'MatMulNBits'],
  ])('refuses %s, which is quantized already, naming %s', async (name, operator) => {
    const error = await failure(quantizeModel({ input: join(MODELS, name), output: join(root, 'twice') }))
    expect(error.code).toBe('QUANTIZATION_REFUSED')
    expect(error.message).toContain(operator)
    expect(error.message).toContain('fp32')
  })

  it('ends with CANCELLED between two steps and leaves nothing behind', async () => {
    const abort = new AbortController()
    const input = tiny('cancelled')
    const running = quantizeModel({
      input,
      output: join(root, 'cancelled-out'),
      signal: abort.signal,
      onProgress: () => abort.abort(),
    })
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(readdirSync(root).filter((name) => name.startsWith('cancelled-out'))).toEqual([])
  })

  it('does not keep the calling thread busy', async () => {
    const input = tiny('busy')
    let longest = 0
    let last = performance.now()
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }, 5)
    await quantizeModel({ input, output: join(root, 'busy-out'), texts: TEXTS })
    clearInterval(timer)
    expect(longest).toBeLessThan(500)
  })

  it.each([
    ['a missing input', { input: 'nowhere' }, 'ENCODER_NOT_FOUND'],
    ['an unknown method', { method: 'magic' }, 'INVALID_REQUEST'],
    ['blank texts only', { texts: ['', ' '] }, 'INVALID_REQUEST'],
  ])('refuses %s', async (_name, options, code) => {
    const running = quantizeModel({
      input: tiny('bad'),
      output: join(root, 'bad-out'),
      ...(options as { input?: string; texts?: string[] }),
    })
    await expect(running).rejects.toMatchObject({ code })
    expect(existsSync(join(root, 'bad-out'))).toBe(false)
  })

  it('refuses a model that is cut short, one without a tokenizer, and an output that is not empty', async () => {
    const cut = tiny('cut')
    writeFileSync(join(cut, 'onnx/model.onnx'), tinyEncoder().subarray(0, 100_000))
    const output = join(root, 'x-out')
    await expect(quantizeModel({ input: cut, output })).rejects.toMatchObject({ code: 'ENCODER_INVALID' })
    const bare = tiny('bare')
    rmSync(join(bare, 'tokenizer.json'))
    await expect(quantizeModel({ input: bare, output })).rejects.toMatchObject({
      code: 'ENCODER_INVALID',
      message: expect.stringContaining('tokenizer.json'),
    })
    mkdirSync(output)
    writeFileSync(join(output, 'mine.txt'), 'mine')
    await expect(quantizeModel({ input: tiny('good'), output })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    })
    expect(readFileSync(join(output, 'mine.txt'), 'utf8')).toBe('mine')
  })
})
