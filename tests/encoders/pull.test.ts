import { existsSync } from 'node:fs'
import { readdir, readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type PullOptions, pullEncoder } from '#src/encoders/pull.js'
import { Encoders } from '#src/encoders/registry.js'
import { bundled, temporaryFolder } from './folders.js'
import { type HubRepository, startHub } from './hub-server.js'

const SHA = '0123456789abcdef0123456789abcdef01234567'
const MODEL = 'onnx/model_quantized.onnx'
const files: Record<string, Buffer> = {}

beforeAll(async () => {
  const source = bundled('all-MiniLM-L6-v2')
  for (const path of [
    'config.json',
    'tokenizer.json',
    'tokenizer_config.json',
    'modules.json',
    '1_Pooling/config.json',
    'sentence_bert_config.json',
    MODEL,
  ])
    files[path] = await readFile(join(source, path))
  files['README.md'] = Buffer.from('not needed')
  files['onnx/model.onnx'] = Buffer.from('not wanted')
})

async function setUp(repositories?: Record<string, HubRepository>) {
  const hub = await startHub(repositories ?? { 'acme/mini': { sha: SHA, files } })
  const home = await temporaryFolder()
  const pull = (options: Partial<PullOptions> = {}) =>
    pullEncoder({ repo: 'acme/mini', home, endpoint: hub.endpoint, retryDelay: 1, ...options })
  const downloads = (): string[] =>
    hub.requests.filter(({ path }) => /^\/(cdn|[^/]+\/[^/]+\/resolve)\//.test(path)).map(({ path }) => path)
  return { hub, home, pull, downloads, folder: join(home, 'encoders/acme/mini') }
}

describe('pullEncoder', () => {
  it('fetches what an encoder needs, pins its commit, and the encoder works', async () => {
    const { hub, home, pull, folder, downloads } = await setUp()
    const progress: [number, number][] = []
    const pulled = await pull({ onProgress: (done, total) => progress.push([done, total]) })
    expect(pulled).toMatchObject({ name: 'acme/mini', folder, revision: SHA, file: MODEL, unchanged: false })
    expect(existsSync(join(folder, 'README.md'))).toBe(false)
    const manifest = JSON.parse(await readFile(join(folder, 'files.json'), 'utf8'))
    expect(manifest).toMatchObject({ repo: 'acme/mini', revision: SHA })
    expect(manifest.files[MODEL]).toMatchObject({
      size: 23603012,
      sha256: expect.stringMatching(/^b2b221c8/),
    })
    for (const [i, [done, total]] of progress.entries()) {
      expect(done).toBeGreaterThanOrEqual(progress[i - 1]?.[0] ?? 0)
      expect(total).toBe(pulled.size)
    }
    expect(progress.at(-1)).toEqual([pulled.size, pulled.size])
    expect(await readdir(join(home, 'encoders/.pull'))).toEqual([])

    const encoders = Encoders.create({ home, threads: 1 })
    onTestFinished(() => encoders.dispose())
    const encoder = await encoders.load('acme/mini')
    expect(encoder.id).toMatch(/^acme\/mini@/)
    expect(await encoder.encode(['hello'], { as: 'query' })).toHaveLength(1)

    const before = downloads().length
    expect(await pull()).toMatchObject({ unchanged: true, size: pulled.size })
    expect(downloads()).toHaveLength(before)
    expect(hub.requests.every(({ token }) => token === undefined)).toBe(true)
  })

  it('goes on where a connection was cut, within one run', async () => {
    const { hub, pull } = await setUp()
    hub.mischief[MODEL] = { cutAfter: [1_000_000, 2_000_000], status: [] }
    expect(await pull()).toMatchObject({ unchanged: false })
    const ranges = hub.requests.filter(({ host, path }) => host === 'cdn' && path.endsWith('.onnx'))
    expect(ranges).toHaveLength(3)
    for (const { range } of ranges.slice(1)) expect(range).toMatch(/^bytes=[1-9]\d*-$/)
  })

  it('goes on in a later run with what an earlier one brought', async () => {
    const { hub, pull, folder, downloads } = await setUp()
    const abort = new AbortController()
    hub.mischief[MODEL] = { cutAfter: [3_000_000] }
    const stopped = pull({ signal: abort.signal, onProgress: (done) => done > 1_500_000 && abort.abort() })
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(existsSync(folder)).toBe(false)
    const before = downloads().length
    await pull()
    const later = downloads().slice(before)
    expect(later.every((path) => path.endsWith(MODEL))).toBe(true)
    expect(hub.requests.at(-1)?.range).toMatch(/^bytes=[1-9]\d*-$/)
  })

  it('tries again after errors of the server, but not for ever', async () => {
    const { hub, pull, folder } = await setUp()
    hub.mischief['config.json'] = { status: [503, 500, 429] }
    hub.mischief[MODEL] = { status: [502, 502, 502, 502, 502] }
    await expect(pull()).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringMatching(/4 tries: the server answered 502/),
    })
    expect(existsSync(folder)).toBe(false)
    hub.mischief = {}
    expect(await pull()).toMatchObject({ unchanged: false })
  })

  it.each([MODEL, 'config.json'])('installs nothing when the hash of %s is wrong', async (path) => {
    const { hub, pull, folder } = await setUp()
    hub.mischief[path] = { altered: true }
    await expect(pull()).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringMatching(/came damaged: its (sha256|git hash) is .*, expected/),
    })
    expect(existsSync(folder)).toBe(false)
    hub.mischief = {}
    await pull()
    expect(existsSync(folder)).toBe(true)
  })

  it('fetches an encoder again that was damaged here, and a newer commit', async () => {
    const { hub, pull, folder } = await setUp()
    await pull()
    await truncate(join(folder, 'tokenizer.json'), 100)
    expect(await pull()).toMatchObject({ unchanged: false })
    expect(await pull()).toMatchObject({ unchanged: true })
    const newer = 'f'.repeat(40)
    hub.repositories['acme/mini'] = { sha: newer, files }
    expect(await pull()).toMatchObject({ unchanged: false, revision: newer })
    expect(JSON.parse(await readFile(join(folder, 'files.json'), 'utf8')).revision).toBe(newer)
  })

  it('takes a revision, and refuses one that is not there', async () => {
    const { pull } = await setUp()
    await expect(pull({ revision: 'v9' })).rejects.toMatchObject({ code: 'ENCODER_NOT_FOUND' })
    expect(await pull({ revision: SHA })).toMatchObject({ revision: SHA })
  })

  it('sends the token to the endpoint and to nobody else', async () => {
    const { hub, pull } = await setUp()
    await pull({ token: 'hf_secret' })
    for (const { host, token } of hub.requests)
      expect(token).toBe(host === 'hub' ? 'Bearer hf_secret' : undefined)
    expect(hub.requests.some(({ host }) => host === 'cdn')).toBe(true)
  })

  it('says what to do about a repository without ONNX, tokenizer or access', async () => {
    const none = {
      sha: SHA,
      files: { 'config.json': Buffer.from('{}'), 'model.safetensors': Buffer.from('x') },
    }
    const slow = { sha: SHA, files: { 'a.onnx': Buffer.from('x') } }
    const { hub, pull } = await setUp({ 'acme/mini': none, 'acme/slow': slow })
    await expect(pull()).rejects.toMatchObject({
      code: 'ENCODER_INVALID',
      message: expect.stringMatching(/no ONNX file.*onnx-community\/mini.*Xenova\/mini/),
    })
    await expect(pull({ repo: 'acme/slow' })).rejects.toMatchObject({
      code: 'ENCODER_INVALID',
      message: expect.stringContaining('no tokenizer.json'),
    })
    await expect(pull({ repo: 'acme/none' })).rejects.toMatchObject({ code: 'ENCODER_NOT_FOUND' })
    hub.mischief['config.json'] = { status: [403] }
    hub.repositories['acme/mini'] = { sha: SHA, files }
    await expect(pull()).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining('HF_TOKEN'),
    })
  })

  it('takes the ONNX file that is asked for, with its external weights', async () => {
    const large = {
      ...files,
      'onnx/big.onnx': files[MODEL] as Buffer,
      'onnx/big.onnx_data': Buffer.from('weights'),
    }
    const { pull, folder } = await setUp({ 'acme/mini': { sha: SHA, files: large } })
    await expect(pull({ file: 'huge' })).rejects.toMatchObject({
      code: 'ENCODER_INVALID',
      message: expect.stringContaining('onnx/big.onnx'),
    })
    expect(await pull({ file: 'big' })).toMatchObject({ file: 'onnx/big.onnx' })
    expect((await readdir(join(folder, 'onnx'))).sort()).toEqual(['big.onnx', 'big.onnx_data'])
  })

  it('takes pooling and prompts from the model a conversion was made from, and from its family', async () => {
    const { 'modules.json': _, '1_Pooling/config.json': __, ...bare } = files
    const cls = Buffer.from(JSON.stringify({ pooling_mode_cls_token: true }))
    const base = { ...files, '1_Pooling/config.json': cls }
    const { home, pull } = await setUp({
      'conv/e5-small-v2': { sha: SHA, files: bare, baseModel: 'acme/base' },
      'acme/base': { sha: 'b'.repeat(40), files: base },
      'conv/orphan': { sha: SHA, files: bare, baseModel: 'acme/gone' },
    })
    await pull({ repo: 'conv/e5-small-v2' })
    await pull({ repo: 'conv/orphan', options: { maxTokens: 64 } })
    const encoders = Encoders.create({ home })
    const list = await encoders.list()
    expect(list.find(({ name }) => name === 'conv/e5-small-v2')?.settings).toMatchObject({
      pooling: 'cls',
      prompts: { query: 'query: ', passage: 'passage: ' },
    })
    expect(list.find(({ name }) => name === 'conv/orphan')?.settings).toMatchObject({
      pooling: 'mean',
      maxTokens: 64,
      prompts: { query: '', passage: '' },
    })
  })

  it('knows the repositories of the encoders that may be missing from the package', async () => {
    const { home, pull } = await setUp({ 'Xenova/multilingual-e5-small': { sha: SHA, files } })
    const pulled = await pull({ repo: 'multilingual-e5-small' })
    expect(pulled).toMatchObject({
      name: 'multilingual-e5-small',
      folder: join(home, 'encoders/multilingual-e5-small'),
    })
    const encoders = Encoders.create({ home, bundled: await temporaryFolder() })
    const found = (await encoders.list()).find(({ name }) => name === 'multilingual-e5-small')
    expect(found).toMatchObject({ source: 'home', settings: { prompts: { query: 'query: ' } } })
  })

  it.each(['../evil.json', '/etc/passwd', 'onnx/../../x.onnx', 'a\\b.onnx'])(
    'downloads nothing from a repository that lists %j',
    async (name) => {
      const { pull, downloads } = await setUp({
        'acme/mini': { sha: SHA, files: { ...files, [name]: Buffer.from('x') } },
      })
      await expect(pull()).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' })
      expect(downloads()).toEqual([])
    },
  )

  it('refuses names and endpoints that cannot be meant', async () => {
    const { pull } = await setUp()
    for (const repo of ['', 'mini', '../x', 'a/../b', 'a/b/c', '/abs/olute'])
      await expect(pull({ repo })).rejects.toMatchObject({ code: 'INVALID_NAME' })
    await expect(pull({ endpoint: 'ftp://x' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
    await expect(pull({ endpoint: 'http://127.0.0.1:9' })).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringContaining('HF_ENDPOINT'),
    })
  })
})
