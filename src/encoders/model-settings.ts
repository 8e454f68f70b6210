import { existsSync } from 'node:fs'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../core/errors.js'
import type { TextRole } from '../core/text-encoder.js'

/** How token vectors become one: their mean over the attention mask, the first token's, or the last one's. */
export type Pooling = 'mean' | 'cls' | 'last'

const POOLINGS: readonly Pooling[] = ['mean', 'cls', 'last']

/** What an encoder does around its model. */
export interface ModelSettings {
  pooling: Pooling
  /** Whether vectors are scaled to length 1. */
  normalize: boolean
  /** Tokens read of one text, special ones and prompt included. */
  maxTokens: number
  /** Put in front of every text of that role. */
  prompts: Record<TextRole, string>
}

/** What a user says about a model folder; it goes before what the folder's own files say. */
export interface ModelOptions {
  /** The ONNX file, relative to the folder. */
  file?: string
  pooling?: Pooling
  normalize?: boolean
  /** 8 to 8,192. More reads longer passages; attention costs its square in time and memory. */
  maxTokens?: number
  prompts?: Partial<Record<TextRole, string>>
}

/** Where {@link ModelOptions} lie in a model folder. */
export const OPTIONS_FILE = 'kindred.json'

/**
 * The longest text read by default, even where a model could read more: passages of that size are found and shown
 * well, and attention over 8,192 tokens would take gigabytes.
 */
const DEFAULT_MAX_TOKENS = 512

type Fields = Record<string, unknown>

/** Reads a JSON object of a model folder. @returns undefined where there is no such file */
export async function readJsonFile(folder: string, name: string): Promise<Fields | undefined> {
  const path = join(folder, name)
  if (!existsSync(path)) return undefined
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new EngineError(
      'ENCODER_INVALID',
      `${path} is not JSON (${error instanceof Error ? error.message : String(error)}); copy or pull the folder again`,
      { cause: error },
    )
  }
  if (typeof value !== 'object' || value === null)
    throw new EngineError('ENCODER_INVALID', `${path} holds ${JSON.stringify(value)}, expected an object`)
  return value as Fields
}

/**
 * Checks options that came from a user or from `kindred.json`.
 *
 * @param source how the message calls them
 * @throws EngineError ENCODER_INVALID, naming the field
 */
export function checkModelOptions(fields: object, source: string): ModelOptions {
  const fail = (field: string, expected: string): never => {
    const value = JSON.stringify((fields as Fields)[field])
    throw new EngineError('ENCODER_INVALID', `${source}: "${field}" is ${value}, expected ${expected}`)
  }
  const { file, pooling, normalize, maxTokens, prompts, ...unknown } = fields as Fields
  const stranger = Object.keys(unknown)[0]
  if (stranger !== undefined)
    fail(stranger, 'one of the fields file, pooling, normalize, maxTokens and prompts')
  if (file !== undefined && typeof file !== 'string') fail('file', 'the name of an ONNX file of the folder')
  if (pooling !== undefined && !POOLINGS.includes(pooling as Pooling))
    fail('pooling', `one of ${POOLINGS.join(', ')}`)
  if (normalize !== undefined && typeof normalize !== 'boolean') fail('normalize', 'true or false')
  if (
    maxTokens !== undefined &&
    !(Number.isInteger(maxTokens) && Number(maxTokens) >= 8 && Number(maxTokens) <= 8192)
  )
    fail('maxTokens', 'an integer from 8 to 8192')
  if (prompts !== undefined) {
    const known = typeof prompts === 'object' && prompts !== null ? Object.entries(prompts) : [['', 0]]
    if (known.some(([role, text]) => (role !== 'query' && role !== 'passage') || typeof text !== 'string'))
      fail('prompts', '{ "query": "…", "passage": "…" }')
  }
  return fields as ModelOptions
}

/** Keeps options in the folder, whole or not at all. */
export async function saveModelOptions(folder: string, options: ModelOptions): Promise<void> {
  const path = join(folder, OPTIONS_FILE)
  const temporary = `${path}.${process.pid}.tmp`
  try {
    await writeFile(temporary, `${JSON.stringify(checkModelOptions(options, 'options'), null, 2)}\n`)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/**
 * Settings of a model folder, from its sentence-transformers files; without them mean pooling, length 1 and no
 * prompts.
 *
 * @throws EngineError ENCODER_INVALID on modules or poolings that are not known
 */
export async function readModelSettings(folder: string, options: ModelOptions): Promise<ModelSettings> {
  const modules = await readModules(folder)
  return {
    pooling: options.pooling ?? (await readPooling(folder, modules)),
    normalize: options.normalize ?? (modules === undefined || modules.some((m) => m.type === 'Normalize')),
    maxTokens: options.maxTokens ?? Math.min(DEFAULT_MAX_TOKENS, await readMaxTokens(folder)),
    prompts: { ...(await readPrompts(folder)), ...options.prompts },
  }
}

interface Module {
  /** `Transformer`, `Pooling`, `Normalize`, … */
  type: string
  path: string
}

const KNOWN_MODULES = ['Transformer', 'Pooling', 'Normalize']

async function readModules(folder: string): Promise<Module[] | undefined> {
  const list = await readJsonFile(folder, 'modules.json')
  if (list === undefined) return undefined
  const modules = (Array.isArray(list) ? list : []).map((entry: Fields) => ({
    type: String(entry?.type).split('.').at(-1) ?? '',
    path: String(entry?.path ?? ''),
  }))
  const stranger = modules.find((m) => !KNOWN_MODULES.includes(m.type))
  if (stranger || modules.length === 0) {
    throw new EngineError(
      'ENCODER_INVALID',
      `${join(folder, 'modules.json')} names ${stranger ? `a module "${stranger.type}"` : 'no module'}; kindred runs ${KNOWN_MODULES.join(', ')}. Choose an encoder that has only these`,
    )
  }
  return modules
}

async function readPooling(folder: string, modules: Module[] | undefined): Promise<Pooling> {
  const path = modules?.find((m) => m.type === 'Pooling')?.path ?? '1_Pooling'
  const config = await readJsonFile(folder, join(path, 'config.json'))
  if (config === undefined) return 'mean'
  const named = config.pooling_mode
  const modes = Array.isArray(named)
    ? named.map(String)
    : typeof named === 'string'
      ? [named]
      : Object.keys(config)
          .filter((key) => key.startsWith('pooling_mode_') && config[key] === true)
          .map((key) => key.slice('pooling_mode_'.length))
  const known: Record<string, Pooling> = {
    mean: 'mean',
    mean_tokens: 'mean',
    cls: 'cls',
    cls_token: 'cls',
    lasttoken: 'last',
    last: 'last',
  }
  const pooling = modes.length === 1 ? known[modes[0] as string] : undefined
  if (pooling === undefined) {
    throw new EngineError(
      'ENCODER_INVALID',
      `${join(folder, path, 'config.json')} asks for pooling ${modes.join(' + ') || '(none)'}; kindred knows ${POOLINGS.join(', ')}. Set "pooling" in ${OPTIONS_FILE} if one of these is meant`,
    )
  }
  return pooling
}

async function readMaxTokens(folder: string): Promise<number> {
  const bounds: number[] = []
  const sentence = await readJsonFile(folder, 'sentence_bert_config.json')
  bounds.push(Number(sentence?.max_seq_length))
  bounds.push(Number((await readJsonFile(folder, 'tokenizer_config.json'))?.model_max_length))
  const config = (await readJsonFile(folder, 'config.json')) ?? {}
  // RoBERTa and its kin number positions from pad_token_id + 1
  const offset = /roberta|camembert/.test(String(config.model_type))
    ? Number(config.pad_token_id ?? 1) + 1
    : 0
  bounds.push(Number(config.max_position_embeddings) - offset)
  const known = bounds.filter((bound) => Number.isFinite(bound) && bound >= 8)
  return known.length > 0 ? Math.floor(Math.min(...known)) : DEFAULT_MAX_TOKENS
}

/** By sentence-transformers' own names for the two roles, most usual first. */
const PROMPT_NAMES: Record<TextRole, readonly string[]> = {
  query: ['query', 'search_query', 'retrieval_query'],
  passage: ['passage', 'document', 'corpus', 'search_document', 'retrieval_document', 'retrieval_passage'],
}

async function readPrompts(folder: string): Promise<Record<TextRole, string>> {
  const config = await readJsonFile(folder, 'config_sentence_transformers.json')
  const prompts = new Map<string, string>()
  for (const [name, text] of Object.entries((config?.prompts ?? {}) as Fields))
    prompts.set(name.toLowerCase().replaceAll('-', '_'), String(text))
  const fallback =
    typeof config?.default_prompt_name === 'string'
      ? (prompts.get(config.default_prompt_name.toLowerCase().replaceAll('-', '_')) ?? '')
      : ''
  const find = (role: TextRole): string => {
    const name = PROMPT_NAMES[role].find((candidate) => prompts.has(candidate))
    return name === undefined ? fallback : (prompts.get(name) ?? '')
  }
  return { query: find('query'), passage: find('passage') }
}
