import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, isAbsolute, join, resolve } from 'node:path'
import { EngineError } from '../core/errors.js'
import {
  checkSizes,
  chooseModelFile,
  externalDataOf,
  hashFile,
  listFiles,
  MANIFEST_FILE,
  readManifest,
} from './model-files.js'
import {
  checkModelOptions,
  type ModelOptions,
  type ModelSettings,
  OPTIONS_FILE,
  readJsonFile,
  readModelSettings,
} from './model-settings.js'

/** A text encoder on disk, read and checked. */
export interface ModelFolder {
  /** By what name the encoder can be loaded again. */
  name: string
  /** `NAME@HASH` over weights, tokenizer and settings. */
  id: string
  folder: string
  /** The ONNX file. */
  model: string
  tokenizer: string
  tokenizerConfig: string | undefined
  settings: ModelSettings
  /**
   * Whether texts can share a batch. A model that scales its activations by the whole batch (ONNX's
   * DynamicQuantizeLinear) gives other vectors in other company; such a one is run text by text.
   */
  batchInvariant: boolean
}

/** What can be said of a model folder without reading its weights. */
export interface ModelSummary {
  folder: string
  /** Relative to the folder. */
  file: string
  /** Bytes of weights and tokenizer. */
  size: number
  /** As config.json says; undefined where it says nothing. */
  dim: number | undefined
  settings: ModelSettings
  external: string[]
}

export interface ReadModelOptions extends ModelOptions {
  /** Default: the folder's path. */
  name?: string
  /** What to do about a damaged folder, for the message. */
  remedy?: string
}

const REMEDY = 'copy the folder again'

/**
 * Looks at a folder in the layout of the Hugging Face hub: config.json, tokenizer.json, an ONNX file, and where
 * there are, the files of sentence-transformers. `kindred.json` in it and then `options` go before those.
 *
 * @throws EngineError ENCODER_NOT_FOUND if there is no such folder, ENCODER_INVALID if it is no model
 */
export async function summarizeModelFolder(
  folder: string,
  { name: _, remedy = REMEDY, ...options }: ReadModelOptions = {},
): Promise<ModelSummary> {
  if (!existsSync(folder) || !(await stat(folder)).isDirectory())
    throw new EngineError('ENCODER_NOT_FOUND', `${folder} is not a folder`)
  const files = await listFiles(folder)
  const manifest = await readManifest(folder)
  if (manifest) await checkSizes(folder, manifest, remedy)
  const kept = checkModelOptions((await readJsonFile(folder, OPTIONS_FILE)) ?? {}, join(folder, OPTIONS_FILE))
  const merged: ModelOptions = {
    ...kept,
    ...checkModelOptions(options, 'options'),
    prompts: { ...kept.prompts, ...options.prompts },
  }
  const file = chooseModelFile(files, merged.file, folder)
  if (!files.includes('tokenizer.json')) {
    const spm = files.some((path) => /\.model$|vocab\.txt$/.test(path))
    throw new EngineError(
      'ENCODER_INVALID',
      `${folder} has no tokenizer.json${spm ? ' (kindred does not read the older vocabulary files)' : ''}; expected the file as the Hugging Face hub has it. ${remedy}`,
    )
  }
  const external = externalDataOf(file, files)
  const config = (await readJsonFile(folder, 'config.json')) ?? {}
  let size = 0
  for (const path of [file, ...external, 'tokenizer.json']) size += (await stat(join(folder, path))).size
  const dim = config.hidden_size ?? config.dim ?? config.d_model
  return {
    folder,
    file,
    size,
    dim: typeof dim === 'number' ? dim : undefined,
    settings: await readModelSettings(folder, merged),
    external,
  }
}

/**
 * Reads a model folder and checks every file it uses against `files.json`, where there is one.
 *
 * @throws EngineError ENCODER_NOT_FOUND, ENCODER_INVALID (missing, cut short, altered, not understood)
 */
export async function readModelFolder(folder: string, options: ReadModelOptions = {}): Promise<ModelFolder> {
  const { settings, file, external } = await summarizeModelFolder(folder, options)
  const manifest = await readManifest(folder)
  const remedy = options.remedy ?? REMEDY
  const hash = createHash('sha256')
  let batchInvariant = true
  const weights = [file, ...external, 'tokenizer.json', 'tokenizer_config.json']
  // the settings files count by what they say, not by their bytes
  const others = [...(manifest?.keys() ?? [])].filter(
    (path) => path.endsWith('.json') && !weights.includes(path),
  )
  for (const path of [...weights, ...others]) {
    if (!existsSync(join(folder, path))) continue
    const { sha256, found } = await hashFile(
      join(folder, path),
      path === file ? 'DynamicQuantizeLinear' : undefined,
    )
    const expected = manifest?.get(path)?.sha256
    if (expected !== undefined && expected !== sha256) {
      throw new EngineError(
        'ENCODER_INVALID',
        `${join(folder, path)} was altered: its sha256 is ${sha256}, ${MANIFEST_FILE} expects ${expected}; ${remedy}`,
      )
    }
    if (found) batchInvariant = false
    if (weights.includes(path)) hash.update(sha256)
  }
  const { pooling, normalize, maxTokens, prompts } = settings
  hash.update(JSON.stringify([pooling, normalize, maxTokens, prompts.query, prompts.passage]))
  const name = options.name ?? resolve(folder)
  const label = isAbsolute(name) ? basename(name) : name
  const config = join(folder, 'tokenizer_config.json')
  return {
    name,
    id: `${label}@${hash.digest('hex').slice(0, 12)}`,
    folder,
    model: join(folder, file),
    tokenizer: join(folder, 'tokenizer.json'),
    tokenizerConfig: existsSync(config) ? config : undefined,
    settings,
    batchInvariant,
  }
}
