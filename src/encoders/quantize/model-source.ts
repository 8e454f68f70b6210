import { existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { EngineError } from '../../core/errors.js'
import { chooseModelFile, hashFile, listFiles, MANIFEST_FILE } from '../model-files.js'
import { checkModelOptions, OPTIONS_FILE, readJsonFile } from '../model-settings.js'

/** Where an fp32 model and the files that belong to it lie. */
export interface ModelSource {
  /** The .onnx file. */
  model: string
  /** The folder of tokenizer.json and the settings. */
  folder: string
}

/** Where the quantized model lies in its folder. */
export const QUANTIZED_FILE = 'onnx/model_quantized.onnx'

/** protobuf messages, and so .onnx files, end here. */
const LARGEST = 2 ** 31 - 1

/** Text files that make a model folder; weights are never copied. */
const COPIED =
  /^((config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|modules|sentence_bert_config|config_sentence_transformers|vocab)\.json|vocab\.txt|merges\.txt|(sentencepiece\.bpe|spiece|tokenizer)\.model|(LICEN[CS]E|NOTICE|README|PROVENANCE)(\.(md|txt))?|\d+_\w+\/config\.json)$/

/**
 * Finds the fp32 model of an input: an .onnx file, or a folder in Hugging Face layout.
 *
 * @param files where tokenizer.json lies, if neither beside the .onnx file nor above it
 * @throws EngineError ENCODER_NOT_FOUND, ENCODER_INVALID
 */
export async function findModelSource(input: string, files?: string): Promise<ModelSource> {
  if (!existsSync(input)) throw new EngineError('ENCODER_NOT_FOUND', `${input} does not exist`)
  let model = input
  let folder = files
  if ((await stat(input)).isDirectory()) {
    const names = await listFiles(input)
    const original = ['onnx/model.onnx', 'model.onnx'].find((name) => names.includes(name))
    model = join(input, original ?? chooseModelFile(names, undefined, input))
    folder ??= input
  } else {
    const here = dirname(input)
    folder ??= basename(here) === 'onnx' && !existsSync(join(here, 'tokenizer.json')) ? dirname(here) : here
  }
  if (!existsSync(join(folder, 'tokenizer.json'))) {
    throw new EngineError(
      'ENCODER_INVALID',
      `${folder} has no tokenizer.json, which comparing with fp32 and the finished folder need: put it beside the model`,
    )
  }
  const { size } = await stat(model)
  if (size > LARGEST) {
    throw new EngineError('UNSUPPORTED', `${model} has ${size} bytes, expected less than 2 GB`)
  }
  return { model, folder }
}

/**
 * Writes a whole model folder: the tokenizer and settings of the source, the quantized model, and `files.json` with
 * the size and sha256 of each.
 *
 * @param folder must be there
 * @returns the model's sha256
 */
export async function writeModelFolder(
  folder: string,
  source: ModelSource,
  model: Uint8Array,
): Promise<string> {
  const names = (await listFiles(source.folder)).filter((name) => COPIED.test(name))
  for (const name of names) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await copyFile(join(source.folder, name), join(folder, name))
  }
  const options = await readJsonFile(source.folder, OPTIONS_FILE)
  if (options) {
    const { file: _, ...kept } = checkModelOptions(options, join(source.folder, OPTIONS_FILE))
    await writeFile(join(folder, OPTIONS_FILE), `${JSON.stringify(kept, null, 2)}\n`)
    names.push(OPTIONS_FILE)
  }
  await mkdir(dirname(join(folder, QUANTIZED_FILE)), { recursive: true })
  await writeFile(join(folder, QUANTIZED_FILE), model)
  names.push(QUANTIZED_FILE)
  const files: Record<string, { size: number; sha256: string }> = {}
  for (const name of names.sort()) {
    const { sha256 } = await hashFile(join(folder, name))
    files[name] = { size: (await stat(join(folder, name))).size, sha256 }
  }
  await writeFile(join(folder, MANIFEST_FILE), `${JSON.stringify({ files }, null, 2)}\n`)
  return files[QUANTIZED_FILE]?.sha256 ?? ''
}

/** The bytes of the fp32 model. */
export function readSource(source: ModelSource): Promise<Uint8Array> {
  return readFile(source.model)
}
