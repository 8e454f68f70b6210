import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Encoders } from '#src/encoders/registry.js'
import { bundled, copyOfMiniLm, temporaryFolder } from './folders.js'

async function encodersIn(options: { home?: string; bundled?: string } = {}) {
  const home = options.home ?? (await temporaryFolder())
  const encoders = Encoders.create({ home, threads: 1, bundled: options.bundled })
  onTestFinished(() => encoders.dispose())
  return { home, encoders }
}

describe('Encoders', () => {
  it('loads a bundled encoder once, however often it is asked for', async () => {
    const { encoders } = await encodersIn()
    const [a, b] = await Promise.all([encoders.load('all-MiniLM-L6-v2'), encoders.load('all-MiniLM-L6-v2')])
    expect(a).toBe(b)
    expect(a.name).toBe('all-MiniLM-L6-v2')
    const list = await encoders.list()
    expect(list.find(({ name }) => name === a.name)).toMatchObject({
      id: a.id,
      dim: 384,
      source: 'bundled',
      isDefault: true,
    })
    await encoders.dispose()
    await expect(encoders.load('all-MiniLM-L6-v2')).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(a.encode(['a'], { as: 'query' })).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('finds encoders in the home, and lists a damaged one with its problem', async () => {
    const { home, encoders } = await encodersIn()
    await mkdir(join(home, 'encoders/acme'), { recursive: true })
    await cp(await copyOfMiniLm(), join(home, 'encoders/acme/mini'), { recursive: true })
    await cp(await copyOfMiniLm(), join(home, 'encoders/acme/torn'), { recursive: true })
    await rm(join(home, 'encoders/acme/torn/config.json'))
    const encoder = await encoders.load('acme/mini')
    expect(encoder.id).toMatch(/^acme\/mini@/)
    const list = await encoders.list()
    expect(list.map(({ name }) => name)).toEqual([
      'acme/mini',
      'acme/torn',
      'all-MiniLM-L6-v2',
      'multilingual-e5-small',
    ])
    expect(list[0]).toMatchObject({ source: 'home', file: 'onnx/model_quantized.onnx' })
    expect(list[1]?.problem).toMatch(/config.json is missing.*kindred encoders pull acme\/torn/)
    await expect(encoders.load('acme/torn')).rejects.toMatchObject({ code: 'ENCODER_INVALID' })
  })

  it('loads a folder by its path, absolute or from here', async () => {
    const { encoders } = await encodersIn()
    const folder = await copyOfMiniLm()
    const encoder = await encoders.load(folder)
    expect(encoder.name).toBe(folder)
    expect(encoder.id).toMatch(/^mini@[0-9a-f]{12}$/)
    const path = relative(process.cwd(), folder)
    expect(path.startsWith('..')).toBe(true)
    expect(await encoders.load(path)).toBe(encoder)
  })

  it.each(['', 'a/../../b', 'acme/..', '.hidden', 'a/b/c', 'a b', '日本語', 'x'.repeat(300), 'a\\b', '~/x'])(
    'refuses the name %j',
    async (name) => {
      const { encoders } = await encodersIn()
      await expect(encoders.load(name)).rejects.toMatchObject({ code: 'INVALID_NAME' })
      await expect(encoders.use(name)).rejects.toMatchObject({ code: 'INVALID_NAME' })
    },
  )

  it('says how to get an encoder that is not there', async () => {
    const { encoders } = await encodersIn({ bundled: await temporaryFolder() })
    await expect(encoders.load('multilingual-e5-small')).rejects.toMatchObject({
      code: 'ENCODER_NOT_FOUND',
      message: expect.stringContaining('kindred encoders pull multilingual-e5-small'),
    })
    await expect(encoders.load('acme/other')).rejects.toMatchObject({
      code: 'ENCODER_NOT_FOUND',
      message: expect.stringContaining('kindred encoders pull acme/other'),
    })
    await expect(encoders.load('unknown')).rejects.toMatchObject({ code: 'ENCODER_NOT_FOUND' })
    await expect(encoders.load('../nowhere')).rejects.toMatchObject({ code: 'ENCODER_NOT_FOUND' })
    const list = await encoders.list()
    expect(list.map(({ problem }) => problem?.includes('not installed'))).toEqual([true, true])
  })

  it('loads a folder that was mended after it failed', async () => {
    const { encoders } = await encodersIn()
    const folder = await copyOfMiniLm()
    await rm(join(folder, 'tokenizer.json'))
    await expect(encoders.load(folder)).rejects.toMatchObject({ code: 'ENCODER_INVALID' })
    await cp(join(bundled('all-MiniLM-L6-v2'), 'tokenizer.json'), join(folder, 'tokenizer.json'))
    expect((await encoders.load(folder)).dim).toBe(384)
  })

  it('keeps the choice of a default in the home', async () => {
    const { home, encoders } = await encodersIn()
    expect(encoders.defaultName()).toBe('all-MiniLM-L6-v2')
    await expect(encoders.use('acme/other')).rejects.toMatchObject({ code: 'ENCODER_NOT_FOUND' })
    await encoders.use('multilingual-e5-small')
    const later = (await encodersIn({ home })).encoders
    expect(later.defaultName()).toBe('multilingual-e5-small')
    expect((await later.list()).find(({ isDefault }) => isDefault)?.name).toBe('multilingual-e5-small')
    await writeFile(join(home, 'encoders.json'), '{ torn')
    const damaged = (await encodersIn({ home })).encoders
    expect(() => damaged.defaultName()).toThrow(/kindred encoders use/)
    await damaged.use('all-MiniLM-L6-v2')
    expect(damaged.defaultName()).toBe('all-MiniLM-L6-v2')
  })
})
