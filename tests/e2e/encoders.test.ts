import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundled } from '../encoders/folders.js'
import { startHub } from '../encoders/hub-server.js'
import { tinyEncoder, writeTinyFolder } from '../encoders/quantize-fixture.js'
import { kindred, kindredJson, TemporaryFolders } from './kindred-process.js'

const folders = new TemporaryFolders()
let home: string

beforeAll(async () => {
  home = await folders.make()
})

afterAll(() => folders.remove())

describe('kindred encoders', () => {
  it('pulls an encoder from a hub, uses it by default, and finds something with it', async () => {
    const files: Record<string, Buffer> = {}
    const paths = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model_quantized.onnx']
    for (const path of paths) files[path] = await readFile(join(bundled('all-MiniLM-L6-v2'), path))
    const hub = await startHub({ 'acme/mini': { sha: 'a'.repeat(40), files } })
    process.env.HF_ENDPOINT = hub.endpoint
    try {
      const pulled = await kindred(['encoders', 'pull', 'acme/mini'], { home })
      expect(pulled).toMatchObject({ code: 0, stdout: expect.stringContaining('pulled acme/mini') })
    } finally {
      delete process.env.HF_ENDPOINT
    }
    await kindred(['encoders', 'use', 'acme/mini'], { home })
    const { encoders } = await kindredJson<{ encoders: { name: string; isDefault: boolean }[] }>(
      ['encoders', 'list', '--json'],
      { home },
    )
    expect(encoders.find(({ isDefault }) => isDefault)?.name).toBe('acme/mini')
    const input = '{"id":"sea","text":"waves and salt"}\n{"id":"bread","text":"flour, yeast and an oven"}\n'
    await kindred(['add', 'notes', '-', '--format', 'jsonl'], { home, input })
    const { stdout } = await kindred(['search', 'notes', 'baking', '-k', '1'], { home })
    expect(stdout).toContain('bread')
  })

  it('quantizes a model whose tokenizer lies elsewhere, into a folder that works', async () => {
    const folder = await folders.make()
    const model = join(folder, 'model.onnx')
    const tokenizer = writeTinyFolder(join(folder, 'tokenizer'), tinyEncoder())
    await rename(join(tokenizer, 'onnx', 'model.onnx'), model)
    const small = join(folder, 'small')
    const made = await kindred(['encoders', 'quantize', model, small, '--tokenizer', tokenizer], { home })
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/mean cosine to fp32 (0\.99|1\.0)/) })
    const input = '{"id":"a","text":"abc"}\n'
    const added = await kindred(['add', 'tiny', '-', '--format', 'jsonl', '--encoder', small], {
      home,
      input,
    })
    expect(added).toMatchObject({ code: 0 })
  })
})
