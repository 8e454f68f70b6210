import { describe, expect, it } from 'vitest'
import { readModelFolder } from '#src/encoders/model-folder.js'
import { TextTransformer } from '#src/encoders/text-transformer.js'
import { textEncoderContract } from '../contracts/text-encoder.js'
import { bundled } from './folders.js'

textEncoderContract('all-MiniLM-L6-v2', {
  create: async () => TextTransformer.create(await readModelFolder(bundled('all-MiniLM-L6-v2'))),
  dim: 384,
  prompts: false,
  triple: ['How do I undo a commit?', 'Reverting the last change in git', 'A recipe for tomato soup'],
})

textEncoderContract('multilingual-e5-small', {
  create: async () =>
    TextTransformer.create(await readModelFolder(bundled('multilingual-e5-small')), { threads: 1 }),
  dim: 384,
  prompts: true,
  triple: ['雨の日に洗濯物を乾かすには', '部屋干しで早く乾かす方法', '新幹線の切符を予約する'],
})

describe('bundled encoders', () => {
  it('are read as their authors mean them', async () => {
    const minilm = await readModelFolder(bundled('all-MiniLM-L6-v2'), { name: 'all-MiniLM-L6-v2' })
    expect(minilm.id).toMatch(/^all-MiniLM-L6-v2@[0-9a-f]{12}$/)
    expect(minilm.batchInvariant).toBe(true)
    expect(minilm.settings).toEqual({
      pooling: 'mean',
      normalize: true,
      maxTokens: 256,
      prompts: { query: '', passage: '' },
    })
    const e5 = await readModelFolder(bundled('multilingual-e5-small'))
    expect(e5.batchInvariant).toBe(true)
    expect(e5.settings).toEqual({
      pooling: 'mean',
      normalize: true,
      maxTokens: 512,
      prompts: { query: 'query: ', passage: 'passage: ' },
    })
  })
})
