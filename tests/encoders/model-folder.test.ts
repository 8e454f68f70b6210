import { rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { chooseModelFile, externalDataOf, hashFile, isSafePath } from '#src/encoders/model-files.js'
import { readModelFolder, summarizeModelFolder } from '#src/encoders/model-folder.js'
import { saveModelOptions } from '#src/encoders/model-settings.js'
import { TextTransformer } from '#src/encoders/text-transformer.js'
import { bundled, copyOfMiniLm, temporaryFolder } from './folders.js'

const put = (folder: string, name: string, value: unknown): Promise<void> =>
  writeFile(join(folder, name), JSON.stringify(value))

describe('readModelFolder', () => {
  it('gives the same id for the same weights and settings, another for other settings', async () => {
    const folder = bundled('all-MiniLM-L6-v2')
    const [a, b, c] = [
      await readModelFolder(folder, { name: 'm' }),
      await readModelFolder(await copyOfMiniLm(), { name: 'm' }),
      await readModelFolder(folder, { name: 'm', maxTokens: 128 }),
    ]
    expect(a.id).toBe(b.id)
    expect(c.id).not.toBe(a.id)
  })

  it('refuses weights that were cut short, with both sizes and the remedy', async () => {
    const folder = await copyOfMiniLm({ weights: 'copied' })
    await truncate(join(folder, 'onnx/model_quantized.onnx'), 1_000_000)
    await expect(readModelFolder(folder, { remedy: 'do this' })).rejects.toMatchObject({
      code: 'ENCODER_INVALID',
      message: expect.stringMatching(/cut short.*1000000 bytes, expected 23603012; do this/),
    })
  })

  it('refuses a file that was altered or has gone', async () => {
    const altered = await copyOfMiniLm()
    const { size } = await summarizeModelFolder(altered)
    expect(size).toBe(23603012 + 711661)
    await writeFile(join(altered, 'sentence_bert_config.json'), ' '.repeat(52))
    await expect(readModelFolder(altered)).rejects.toMatchObject({ code: 'ENCODER_INVALID' })
    await writeFile(join(altered, 'tokenizer_config.json'), ' '.repeat(349).concat('1'))
    await expect(readModelFolder(altered)).rejects.toMatchObject({ code: 'ENCODER_INVALID' })
    const gone = await copyOfMiniLm()
    await rm(join(gone, 'tokenizer.json'))
    await expect(readModelFolder(gone)).rejects.toMatchObject({
      code: 'ENCODER_INVALID',
      message: expect.stringContaining('tokenizer.json is missing, expected 711661 bytes'),
    })
  })

  it('says what is wrong with weights that no manifest guards', async () => {
    const folder = await copyOfMiniLm({ weights: 'copied' })
    await rm(join(folder, 'files.json'))
    await truncate(join(folder, 'onnx/model_quantized.onnx'), 5000)
    await expect(TextTransformer.create(await readModelFolder(folder))).rejects.toMatchObject({
      code: 'ENCODER_INVALID',
      message: expect.stringContaining('(5000 bytes)'),
    })
    await rm(join(folder, 'tokenizer.json'))
    await expect(readModelFolder(folder)).rejects.toMatchObject({
      code: 'ENCODER_INVALID',
      message: expect.stringContaining('no tokenizer.json'),
    })
  })

  it('refuses a folder that is not there or holds no model', async () => {
    await expect(readModelFolder('/nowhere/at/all')).rejects.toMatchObject({ code: 'ENCODER_NOT_FOUND' })
    await expect(readModelFolder(await temporaryFolder())).rejects.toMatchObject({
      code: 'ENCODER_INVALID',
      message: expect.stringContaining('no ONNX file'),
    })
  })

  it.each([
    [{ pooling_mode_cls_token: true, pooling_mode_mean_tokens: false }, 'cls'],
    [{ pooling_mode_lasttoken: true }, 'last'],
    [{ pooling_mode: 'mean' }, 'mean'],
  ])('reads pooling from %j', async (config, pooling) => {
    const folder = await copyOfMiniLm()
    await rm(join(folder, 'files.json'))
    await put(folder, '1_Pooling/config.json', config)
    expect((await readModelFolder(folder)).settings.pooling).toBe(pooling)
  })

  it('refuses poolings and modules that it cannot run, by name', async () => {
    const folder = await copyOfMiniLm()
    await rm(join(folder, 'files.json'))
    await put(folder, '1_Pooling/config.json', {
      pooling_mode_max_tokens: true,
      pooling_mode_mean_tokens: true,
    })
    await expect(readModelFolder(folder)).rejects.toMatchObject({
      code: 'ENCODER_INVALID',
      message: expect.stringContaining('max_tokens + mean_tokens'),
    })
    expect((await readModelFolder(folder, { pooling: 'cls' })).settings.pooling).toBe('cls')
    await put(folder, 'modules.json', [{ type: 'sentence_transformers.models.Dense', path: '2_Dense' }])
    await expect(readModelFolder(folder)).rejects.toMatchObject({
      code: 'ENCODER_INVALID',
      message: expect.stringContaining('"Dense"'),
    })
  })

  it('reads prompts under their usual names, and does not normalize where no module says so', async () => {
    const folder = await copyOfMiniLm()
    await rm(join(folder, 'files.json'))
    await put(folder, 'modules.json', [
      { type: 'a.Transformer', path: '' },
      { type: 'a.Pooling', path: '1_Pooling' },
    ])
    await put(folder, 'config_sentence_transformers.json', {
      prompts: { query: 'q: ', document: 'd: ' },
    })
    const { settings } = await readModelFolder(folder)
    expect(settings).toMatchObject({ normalize: false, prompts: { query: 'q: ', passage: 'd: ' } })
    await put(folder, 'config_sentence_transformers.json', {
      prompts: { 'search-query': 'sq: ', plain: 'p: ' },
      default_prompt_name: 'plain',
    })
    expect((await readModelFolder(folder)).settings.prompts).toEqual({ query: 'sq: ', passage: 'p: ' })
  })

  it('keeps options in kindred.json and checks them', async () => {
    const folder = await copyOfMiniLm()
    await saveModelOptions(folder, { pooling: 'cls', maxTokens: 64, prompts: { query: 'find: ' } })
    expect((await readModelFolder(folder)).settings).toMatchObject({
      pooling: 'cls',
      maxTokens: 64,
      prompts: { query: 'find: ', passage: '' },
    })
    expect((await readModelFolder(folder, { maxTokens: 32 })).settings.maxTokens).toBe(32)
    for (const wrong of [{ pooling: 'max' }, { maxTokens: 3 }, { prompts: { other: 'x' } }, { colour: 1 }]) {
      await put(folder, 'kindred.json', wrong)
      await expect(readModelFolder(folder)).rejects.toMatchObject({
        code: 'ENCODER_INVALID',
        message: expect.stringContaining(Object.keys(wrong)[0] as string),
      })
    }
    await writeFile(join(folder, 'kindred.json'), '{')
    await expect(readModelFolder(folder)).rejects.toMatchObject({ code: 'ENCODER_INVALID' })
  })
})

describe('chooseModelFile', () => {
  it('prefers small files, then the original, and takes any by name', () => {
    const files = ['onnx/model.onnx', 'onnx/model_q4.onnx', 'onnx/model_quantized.onnx', 'onnx/model_O4.onnx']
    expect(chooseModelFile(files, undefined, 'x')).toBe('onnx/model_quantized.onnx')
    expect(chooseModelFile(files.slice(0, 2), undefined, 'x')).toBe('onnx/model_q4.onnx')
    expect(chooseModelFile(['a.onnx'], undefined, 'x')).toBe('a.onnx')
    for (const asked of ['onnx/model_O4.onnx', 'model_O4.onnx', 'model_O4'])
      expect(chooseModelFile(files, asked, 'x')).toBe('onnx/model_O4.onnx')
    expect(() => chooseModelFile(files, 'model_x', 'x')).toThrow(/model_O4/)
    expect(() => chooseModelFile(['a.onnx', 'b.onnx'], undefined, 'x')).toThrow(/a.onnx, b.onnx/)
  })

  it('finds external weights', () => {
    const files = [
      'onnx/model.onnx',
      'onnx/model.onnx_data',
      'onnx/model.onnx_data_1',
      'onnx/model_q4.onnx_data',
    ]
    expect(externalDataOf('onnx/model.onnx', files)).toEqual(files.slice(1, 3))
  })
})

describe('files of a model', () => {
  it('are only taken from inside the folder', () => {
    for (const safe of ['a.json', 'onnx/model.onnx', '1_Pooling/config.json', '.gitattributes'])
      expect(isSafePath(safe)).toBe(true)
    for (const bad of ['', '../a', 'a/../../b', '/etc/passwd', 'a\\b', 'C:/x', './a', 'a//b', 'a\0b'])
      expect(isSafePath(bad)).toBe(false)
  })

  it('are searched for a word across the borders of chunks', async () => {
    const path = join(await temporaryFolder(), 'big')
    for (const before of [0, (1 << 20) - 3, (1 << 20) - 4, 1 << 20]) {
      await writeFile(path, Buffer.concat([Buffer.alloc(before), Buffer.from('WORD'), Buffer.alloc(50)]))
      expect((await hashFile(path, 'WORD')).found).toBe(true)
    }
    expect((await hashFile(path, 'WORDS')).found).toBe(false)
  })
})
