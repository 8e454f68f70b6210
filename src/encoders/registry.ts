import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EngineError } from '../core/errors.js'
import type { TextEncoder } from '../core/text-encoder.js'
import { DEFAULT_ENCODER, KNOWN_ENCODERS } from './known-encoders.js'
import { readModelFolder, summarizeModelFolder } from './model-folder.js'
import type { ModelSettings } from './model-settings.js'
import { TextTransformer } from './text-transformer.js'

/** Where an encoder's folder lies: in the package, in the home, or where its path says. */
export type EncoderSource = 'bundled' | 'home' | 'folder'

/** An encoder as it is listed. */
export interface EncoderSummary {
  name: string
  /** Only of an encoder that is loaded: it takes reading all weights. */
  id?: string
  /** undefined where the folder does not say, or cannot be read. */
  dim?: number
  source: EncoderSource
  folder: string
  isDefault: boolean
  /** Bytes of weights and tokenizer. */
  size?: number
  /** The ONNX file, relative to the folder. */
  file?: string
  settings?: ModelSettings
  /** Why it cannot be used, and what to do. */
  problem?: string
}

export interface EncodersOptions {
  home: string
  /** Worker threads of each encoder. Default: the cores, at most 8. */
  threads?: number
  /** Where the bundled encoders lie. Default: `data/models` of the package. */
  bundled?: string
}

interface Place {
  name: string
  source: EncoderSource
  folder: string
}

/** Where the choice of `kindred encoders use` is kept, in the home. */
const CHOICE_FILE = 'encoders.json'

/** `NAME` or `ORG/NAME`; never a path that leaves its folder. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)?$/

/** @returns whether it is the name of an encoder on the hub or in a home */
export function isEncoderName(name: string): boolean {
  return name.length <= 200 && NAME.test(name) && !name.includes('..')
}

/**
 * The encoders that can be had by name. A name is `NAME` of a bundled one, or `ORG/NAME` of one that was pulled into
 * the home; what begins with `./`, `../` or is an absolute path is a folder. Each is loaded at its first use, once,
 * and shared.
 */
export class Encoders {
  readonly #home: string
  readonly #threads: number | undefined
  readonly #bundled: string
  readonly #loaded = new Map<string, Promise<TextTransformer>>()
  readonly #ids = new Map<string, string>()
  #choice: string | undefined
  #closed = false

  private constructor({ home, threads, bundled }: EncodersOptions) {
    this.#home = home
    this.#threads = threads
    this.#bundled = bundled ?? fileURLToPath(new URL('../../data/models', import.meta.url))
  }

  static create(options: EncodersOptions): Encoders {
    return new Encoders(options)
  }

  /** All bundled encoders and those in the home, by name; one that is damaged says so instead of failing the list. */
  async list(): Promise<EncoderSummary[]> {
    const places = new Map<string, Place>()
    for (const name of await this.#pulled()) places.set(name, this.#locate(name))
    for (const name of Object.keys(KNOWN_ENCODERS)) places.set(name, this.#locate(name))
    const chosen = this.defaultName()
    if (!places.has(chosen)) places.set(chosen, this.#locate(chosen))
    const summaries = [...places.values()].map((place) => this.#summarize(place, chosen))
    return (await Promise.all(summaries)).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /**
   * @param name of a bundled or pulled encoder, or the path of a folder
   * @throws EngineError INVALID_NAME, ENCODER_NOT_FOUND, ENCODER_INVALID, NATIVE_ADDON_MISSING, CLOSED
   */
  async load(name: string): Promise<TextEncoder> {
    if (this.#closed) throw new EngineError('CLOSED', 'the encoders were closed')
    const place = this.#locate(name)
    let loading = this.#loaded.get(place.folder)
    if (loading === undefined) {
      loading = this.#start(place)
      this.#loaded.set(place.folder, loading)
      // a folder may be mended, so a failure is not kept
      loading.catch(() => this.#loaded.delete(place.folder))
    }
    return loading
  }

  /** The encoder of whoever asks for none. @throws EngineError ENCODER_INVALID if the file that names it is damaged */
  defaultName(): string {
    if (this.#choice !== undefined) return this.#choice
    const path = join(this.#home, CHOICE_FILE)
    if (!existsSync(path)) return DEFAULT_ENCODER
    try {
      const { default: chosen } = JSON.parse(readFileSync(path, 'utf8')) as { default?: unknown }
      if (typeof chosen !== 'string') throw new Error('it has no "default"')
      this.#choice = chosen
      return chosen
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new EngineError(
        'ENCODER_INVALID',
        `${path} does not name an encoder (${reason}); run: kindred encoders use ${DEFAULT_ENCODER}`,
        { cause: error },
      )
    }
  }

  /**
   * Makes an encoder the default of this home; collections that are there keep theirs.
   *
   * @throws EngineError ENCODER_NOT_FOUND, ENCODER_INVALID
   */
  async use(name: string): Promise<void> {
    const place = this.#locate(name)
    await this.#require(place)
    await summarizeModelFolder(place.folder, { remedy: this.#remedy(place) })
    await mkdir(this.#home, { recursive: true })
    const path = join(this.#home, CHOICE_FILE)
    const temporary = `${path}.${process.pid}.tmp`
    try {
      await writeFile(temporary, `${JSON.stringify({ default: place.name }, null, 2)}\n`)
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
    this.#choice = place.name
  }

  /** Ends all encoders. Idempotent. */
  async dispose(): Promise<void> {
    this.#closed = true
    const loaded = await Promise.allSettled(this.#loaded.values())
    await Promise.all(loaded.map((one) => (one.status === 'fulfilled' ? one.value.dispose() : undefined)))
    this.#loaded.clear()
  }

  async #start(place: Place): Promise<TextTransformer> {
    await this.#require(place)
    const { name, folder } = place
    const model = await readModelFolder(folder, { name, remedy: this.#remedy(place) })
    const encoder = await TextTransformer.create(model, { threads: this.#threads })
    this.#ids.set(folder, encoder.id)
    return encoder
  }

  #locate(name: string): Place {
    if (isAbsolute(name) || /^\.\.?([/\\]|$)/.test(name)) {
      const folder = resolve(name)
      return { name: folder, source: 'folder', folder }
    }
    if (!isEncoderName(name)) {
      throw new EngineError(
        'INVALID_NAME',
        `encoder name ${JSON.stringify(name.slice(0, 80))} is not allowed: use NAME or ORG/NAME of letters, digits, "_", "-" and ".", or a folder's path that begins with "/", "./" or "../"`,
      )
    }
    const bundled = join(this.#bundled, name)
    if (!name.includes('/') && existsSync(join(bundled, 'config.json')))
      return { name, source: 'bundled', folder: bundled }
    return { name, source: 'home', folder: join(this.#home, 'encoders', name) }
  }

  async #require({ name, source, folder }: Place): Promise<void> {
    if (existsSync(folder)) return
    if (source === 'folder') {
      throw new EngineError('ENCODER_NOT_FOUND', `there is no encoder folder ${folder}`)
    }
    const known = [...Object.keys(KNOWN_ENCODERS), ...(await this.#pulled())]
    const there = [...new Set(known)].filter((other) => existsSync(this.#locate(other).folder))
    const pull = name in KNOWN_ENCODERS || name.includes('/') ? `kindred encoders pull ${name}` : undefined
    throw new EngineError(
      'ENCODER_NOT_FOUND',
      `encoder "${name}" is not installed; there ${there.length === 1 ? 'is' : 'are'} ${there.join(', ') || 'none'}. ` +
        (pull ? `Run: ${pull}` : 'Others are fetched by: kindred encoders pull ORG/NAME'),
    )
  }

  #remedy({ name, source, folder }: Place): string {
    if (source === 'folder') return `copy the folder again`
    if (source === 'home') return `run: kindred encoders pull ${name}`
    return `install kindred again, or restore ${folder}`
  }

  async #summarize(place: Place, chosen: string): Promise<EncoderSummary> {
    const base = { ...place, isDefault: place.name === chosen }
    try {
      await this.#require(place)
      const { dim, size, file, settings } = await summarizeModelFolder(place.folder, {
        remedy: this.#remedy(place),
      })
      return { ...base, id: this.#ids.get(place.folder), dim, size, file, settings }
    } catch (error) {
      return { ...base, problem: error instanceof Error ? error.message : String(error) }
    }
  }

  /** Names of the folders in the home: `NAME` or `ORG/NAME`. */
  async #pulled(): Promise<string[]> {
    const root = join(this.#home, 'encoders')
    if (!existsSync(root)) return []
    const names: string[] = []
    for (const org of await readdir(root, { withFileTypes: true })) {
      if (!org.isDirectory() || !isEncoderName(org.name)) continue
      if (existsSync(join(root, org.name, 'tokenizer.json'))) names.push(org.name)
      else
        for (const entry of await readdir(join(root, org.name), { withFileTypes: true })) {
          const name = `${org.name}/${entry.name}`
          if (entry.isDirectory() && isEncoderName(name)) names.push(name)
        }
    }
    return names
  }
}
