import { existsSync } from 'node:fs'
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EngineError } from '../core/errors.js'
import { HubClient, type HubFile, type HubOptions, type HubRepo } from './hub-client.js'
import { KNOWN_ENCODERS, usualOptions } from './known-encoders.js'
import { chooseModelFile, externalDataOf, type FileRecord, hashFile, MANIFEST_FILE } from './model-files.js'
import { readModelFolder } from './model-folder.js'
import {
  type ModelOptions,
  OPTIONS_FILE,
  readJsonFile,
  readModelSettings,
  saveModelOptions,
} from './model-settings.js'
import { isEncoderName } from './registry.js'

export interface PullOptions extends HubOptions {
  /** `ORG/NAME` on the hub, or the name of an encoder that kindred knows. */
  repo: string
  home: string
  /** A branch, tag or commit. Default `main`; the commit it names is kept. */
  revision?: string
  /** The ONNX file. Default: see `chooseModelFile`. */
  file?: string
  /** Kept with the encoder, before what its own files say. */
  options?: Omit<ModelOptions, 'file'>
  /** Bytes that are here, and of all files. */
  onProgress?: (done: number, total: number) => void
}

/** An encoder that was pulled. */
export interface PulledEncoder {
  /** By what it is loaded. */
  name: string
  folder: string
  repo: string
  /** The commit. */
  revision: string
  /** The ONNX file. */
  file: string
  /** Bytes of all files. */
  size: number
  /** Whether it was here already, whole; nothing was downloaded then. */
  unchanged: boolean
}

interface Wanted {
  from: HubRepo
  file: HubFile
}

/** Files beside the weights that say how the encoder is meant, and under what terms. */
const SETTINGS =
  /^(config|tokenizer|tokenizer_config|special_tokens_map|modules|sentence_bert_config|config_sentence_transformers)\.json$|^\d+_[A-Za-z]+\/config\.json$|^LICENSE(\.(md|txt))?$/

/** Of those, the ones that a converted model often leaves behind with the model it was made from. */
const SENTENCE_SETTINGS =
  /^(modules|sentence_bert_config|config_sentence_transformers)\.json$|^\d+_[A-Za-z]+\/config\.json$/

/**
 * Downloads a sentence encoder from the Hugging Face hub, or a server with its layout, into the home: whole or not
 * at all, its commit and the hashes of its files kept. What an interrupted download brought is gone on with; an
 * encoder that is here whole is not downloaded again. Where a converted repository lacks the files of
 * sentence-transformers, they are taken from the model it was made from.
 *
 * @throws EngineError INVALID_NAME, ENCODER_NOT_FOUND, ENCODER_INVALID, DOWNLOAD_FAILED, CANCELLED, DISK_FULL
 */
export async function pullEncoder(options: PullOptions): Promise<PulledEncoder> {
  const { repo: name, home, revision = 'main', onProgress } = options
  const known = KNOWN_ENCODERS[name]
  const repo = known?.repo ?? name
  if (!isEncoderName(name) || !repo.includes('/')) {
    throw new EngineError(
      'INVALID_NAME',
      `${JSON.stringify(name.slice(0, 80))} is not ORG/NAME of the hub, nor one of ${Object.keys(KNOWN_ENCODERS).join(', ')}`,
    )
  }
  const hub = new HubClient(options)
  const from = await hub.list(repo, revision)
  const model = chooseHubModel(from, options.file)
  const wanted = await listWanted(hub, from, model)
  const folder = join(home, 'encoders', name)
  const result = { name, folder, repo, revision: from.sha, file: model }
  const here = await sizeIfWhole(folder, result)
  if (here !== undefined) {
    const kept = (await readJsonFile(folder, OPTIONS_FILE)) ?? {}
    if (options.options) await saveModelOptions(folder, { ...kept, ...options.options, file: model })
    return { ...result, size: here, unchanged: true }
  }

  // a name with a dot in front is no encoder's; it holds the commit, so that an older half is not mixed in
  const temporary = join(home, 'encoders', '.pull', `${name.replace('/', '--')}@${from.sha.slice(0, 12)}`)
  const total = wanted.reduce((sum, { file }) => sum + (file.size ?? 0), 0)
  const files: Record<string, FileRecord> = {}
  let done = 0
  for (const { from: source, file } of wanted) {
    // what cannot be run should be known before its weights are fetched
    if (!SETTINGS.test(file.path)) await readModelSettings(temporary, options.options ?? {})
    const target = join(temporary, file.path)
    if (!existsSync(target) || (await stat(target)).size !== file.size) {
      const onBytes = (bytes: number): void => onProgress?.(done + bytes, Math.max(total, done + bytes))
      await hub.download(source, file, { target, onBytes })
    }
    const { size } = await stat(target)
    files[file.path] = { size, sha256: (await hashFile(target)).sha256 }
    done += size
    onProgress?.(done, Math.max(total, done))
  }
  const sources = [...new Set(wanted.map(({ from: source }) => `${source.repo}@${source.sha}`))]
  const manifest = { repo, revision: from.sha, sources, files }
  await writeFile(join(temporary, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`)
  await saveModelOptions(temporary, {
    ...(await missingOptions(temporary, repo)),
    ...known?.options,
    ...options.options,
    file: model,
  })
  await readModelFolder(temporary, { name })
  await replaceFolder(folder, temporary)
  return { ...result, size: done, unchanged: false }
}

function chooseHubModel({ repo, files }: HubRepo, asked: string | undefined): string {
  const paths = files.map((file) => file.path)
  const owner = repo.split('/').at(-1) ?? repo
  const others = [`onnx-community/${owner}-ONNX`, `onnx-community/${owner}`, `Xenova/${owner}`].filter(
    (o) => o !== repo,
  )
  if (!paths.some((path) => path.endsWith('.onnx'))) {
    throw new EngineError(
      'ENCODER_INVALID',
      `${repo} has no ONNX file. Somebody may have converted it: try ${others.join(', ')}; or convert it with Optimum and give the folder's path`,
    )
  }
  if (!paths.includes('tokenizer.json')) {
    throw new EngineError(
      'ENCODER_INVALID',
      `${repo} has no tokenizer.json, which kindred reads; a converted repository may: try ${others.join(', ')}`,
    )
  }
  return chooseModelFile(paths, asked, repo)
}

/** Small files first. */
async function listWanted(hub: HubClient, from: HubRepo, model: string): Promise<Wanted[]> {
  const take = (source: HubRepo, pattern: RegExp): Wanted[] =>
    source.files.filter(({ path }) => pattern.test(path)).map((file) => ({ from: source, file }))
  const settings = take(from, SETTINGS)
  const lacks = !settings.some(
    ({ file }) => file.path === 'modules.json' || file.path === '1_Pooling/config.json',
  )
  if (lacks && from.base !== undefined && isEncoderName(from.base) && from.base !== from.repo) {
    const base = await hub.list(from.base, 'main').catch((error: unknown) => {
      // the model it was made from may have gone or be gated: it is a help, not a need
      if (error instanceof EngineError && error.code !== 'CANCELLED') return undefined
      throw error
    })
    const there = new Set(settings.map(({ file }) => file.path))
    if (base) settings.push(...take(base, SENTENCE_SETTINGS).filter(({ file }) => !there.has(file.path)))
  }
  const paths = from.files.map((file) => file.path)
  const weights = [model, ...externalDataOf(model, paths)]
  const large = from.files.filter(({ path }) => weights.includes(path)).map((file) => ({ from, file }))
  return [...settings, ...large]
}

/** @returns the bytes of an encoder that is here at that commit, with that file, undamaged */
async function sizeIfWhole(
  folder: string,
  { revision, file, repo }: { revision: string; file: string; repo: string },
): Promise<number | undefined> {
  if (!existsSync(join(folder, MANIFEST_FILE))) return undefined
  try {
    const manifest = await readJsonFile(folder, MANIFEST_FILE)
    const files = (manifest?.files ?? {}) as Record<string, FileRecord>
    if (manifest?.repo !== repo || manifest.revision !== revision || !(file in files)) return undefined
    await readModelFolder(folder, { file })
    return Object.values(files).reduce((sum, { size }) => sum + size, 0)
  } catch (error) {
    // damaged: it is fetched again
    if (error instanceof EngineError) return undefined
    throw error
  }
}

/** Prompts by the model's family, where its files say none. */
async function missingOptions(folder: string, repo: string): Promise<ModelOptions> {
  const { prompts } = await readModelSettings(folder, { pooling: 'mean' })
  return prompts.query === '' && prompts.passage === '' ? usualOptions(repo) : {}
}

/** Puts a finished folder in place of the one that is there, if any. */
async function replaceFolder(folder: string, finished: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true })
  const old = `${finished}.old`
  await rm(old, { recursive: true, force: true })
  if (existsSync(folder)) await rename(folder, old)
  await rename(finished, folder)
  await rm(old, { recursive: true, force: true })
}
