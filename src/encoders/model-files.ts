import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { isAbsolute, join, normalize, sep } from 'node:path'
import { EngineError } from '../core/errors.js'
import { readJsonFile } from './model-settings.js'

/** Where a folder keeps the sizes and hashes of its files. */
export const MANIFEST_FILE = 'files.json'

/** Size in bytes and, where known, the sha256 of a file. */
export interface FileRecord {
  size: number
  sha256?: string
}

/**
 * Which ONNX file is taken where several lie side by side: small ones first, then the original. The many variants
 * of the hub that are made for one kind of processor or for graphics cards are taken only by name.
 */
const PREFERRED = [
  'model_quantized',
  'model_q4',
  'model_int8',
  'model',
  'model_uint8',
  'model_q4f16',
  'model_fp16',
]

/**
 * Chooses among the ONNX files of a model: by name if asked, else by {@link PREFERRED} in `onnx/` and then at the
 * top, else the only one there is.
 *
 * @param files paths relative to the folder, with `/`
 * @param asked the path, or its last part, or that without `.onnx`
 * @param where how the message calls the model
 * @throws EngineError ENCODER_INVALID, naming what there is
 */
export function chooseModelFile(files: readonly string[], asked: string | undefined, where: string): string {
  const models = files.filter((file) => /^(onnx\/)?[^/]+\.onnx$/.test(file)).sort()
  const found = models.length === 0 ? 'none' : models.join(', ')
  if (asked !== undefined) {
    const wanted = asked.replaceAll('\\', '/')
    const hit =
      files.find((file) => file === wanted && file.endsWith('.onnx')) ??
      models.find((file) => file.split('/').at(-1) === wanted || file === `onnx/${wanted}.onnx`)
    if (hit === undefined)
      throw new EngineError('ENCODER_INVALID', `${where} has no ONNX file "${asked}"; found: ${found}`)
    return hit
  }
  for (const name of PREFERRED) {
    for (const path of [`onnx/${name}.onnx`, `${name}.onnx`]) if (models.includes(path)) return path
  }
  if (models.length === 1) return models[0] as string
  throw new EngineError(
    'ENCODER_INVALID',
    models.length === 0
      ? `${where} has no ONNX file, expected one at the top or in onnx/`
      : `${where} has several ONNX files, none with a usual name: ${found}; choose one by its name (file)`,
  )
}

/** Files that hold weights too large for the ONNX file itself, such as `model.onnx_data`. */
export function externalDataOf(model: string, files: readonly string[]): string[] {
  return files.filter((file) => file.startsWith(`${model}_data`) || file.startsWith(`${model}.data`)).sort()
}

/** Files of a folder, two levels deep, relative to it and with `/`. */
export async function listFiles(folder: string): Promise<string[]> {
  const files: string[] = []
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) files.push(entry.name)
    else for (const name of await readdir(join(folder, entry.name))) files.push(`${entry.name}/${name}`)
  }
  return files.sort()
}

/** Whether a relative path with `/` stays inside its folder and names no hidden place. */
export function isSafePath(path: string): boolean {
  if (path === '' || path.includes('\\') || path.includes('\0') || path.includes(':') || isAbsolute(path))
    return false
  return (
    normalize(path) === path.split('/').join(sep) &&
    !path.split('/').some((part) => part === '..' || part === '.')
  )
}

/** What `files.json` says of a folder. @returns undefined where there is none */
export async function readManifest(folder: string): Promise<Map<string, FileRecord> | undefined> {
  const manifest = await readJsonFile(folder, MANIFEST_FILE)
  if (manifest === undefined) return undefined
  const records = new Map<string, FileRecord>()
  for (const [path, record] of Object.entries(
    (manifest.files ?? {}) as Record<string, Partial<FileRecord>>,
  )) {
    if (!isSafePath(path) || typeof record?.size !== 'number')
      throw new EngineError(
        'ENCODER_INVALID',
        `${join(folder, MANIFEST_FILE)} has no size of "${path}", expected { "files": { "PATH": { "size", "sha256" } } }`,
      )
    records.set(path, record as FileRecord)
  }
  return records
}

/** Checks that all files of a manifest are there in full length; hashes are not looked at. */
export async function checkSizes(
  folder: string,
  manifest: ReadonlyMap<string, FileRecord>,
  remedy: string,
): Promise<void> {
  for (const [path, { size }] of manifest) {
    const full = join(folder, path)
    if (!existsSync(full))
      throw new EngineError('ENCODER_INVALID', `${full} is missing, expected ${size} bytes; ${remedy}`)
    const found = (await stat(full)).size
    if (found !== size) {
      const how = found < size ? 'was cut short' : 'was altered'
      throw new EngineError(
        'ENCODER_INVALID',
        `${full} ${how}: it has ${found} bytes, expected ${size}; ${remedy}`,
      )
    }
  }
}

/**
 * Streams a file through sha256.
 *
 * @param find a word to look for on the way
 * @returns the hash in hex, and whether the word is in the file
 */
export async function hashFile(path: string, find?: string): Promise<{ sha256: string; found: boolean }> {
  const hash = createHash('sha256')
  const word = Buffer.from(find ?? '')
  let found = false
  let tail: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    const bytes = chunk as Buffer
    hash.update(bytes)
    if (word.length === 0 || found) continue
    // a word may lie across two chunks
    found = bytes.includes(word) || Buffer.concat([tail, bytes.subarray(0, word.length)]).includes(word)
    tail = bytes.subarray(Math.max(0, bytes.length - word.length))
  }
  return { sha256: hash.digest('hex'), found }
}
