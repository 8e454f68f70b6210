import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { EngineError } from '../core/errors.js'
import { hashFile, isSafePath } from './model-files.js'

/** A file of a repository, as the hub lists it. */
export interface HubFile {
  path: string
  /** undefined where the hub does not say. */
  size: number | undefined
  /** Of files in large file storage. */
  sha256: string | undefined
  /** Of the other files: git's own hash of their contents. */
  gitSha1: string | undefined
}

/** A repository at one commit. */
export interface HubRepo {
  repo: string
  /** The commit. */
  sha: string
  files: HubFile[]
  /** From which repository it was made, if it says so. */
  base: string | undefined
}

export interface HubOptions {
  /** Default: HF_ENDPOINT, else the public hub. */
  endpoint?: string
  /** Sent to the endpoint and to no other host. Default: HF_TOKEN. */
  token?: string
  signal?: AbortSignal
  /** Before the first repetition of a failed request, in milliseconds; doubled for each further one. Default 500. */
  retryDelay?: number
}

/** Tries of a request in a row that bring nothing. */
const TRIES = 4

/** A server that has not begun to answer after so many milliseconds is asked again. */
const PATIENCE = 30_000

/** Reads from a server with the layout of the Hugging Face hub. Failures that may pass are tried again. */
export class HubClient {
  readonly #endpoint: URL
  readonly #token: string | undefined
  readonly #signal: AbortSignal | undefined
  readonly #retryDelay: number

  /** @throws EngineError INVALID_REQUEST if the endpoint is no http address */
  constructor(options: HubOptions = {}) {
    const address = options.endpoint ?? (process.env.HF_ENDPOINT || 'https://huggingface.co')
    const url = URL.canParse(address) ? new URL(address) : undefined
    if (url === undefined || !/^https?:$/.test(url.protocol)) {
      throw new EngineError(
        'INVALID_REQUEST',
        `HF_ENDPOINT is ${JSON.stringify(address)}, expected an address such as https://huggingface.co`,
      )
    }
    this.#endpoint = url
    this.#token = options.token ?? (process.env.HF_TOKEN || undefined)
    this.#signal = options.signal
    this.#retryDelay = options.retryDelay ?? 500
  }

  /**
   * Lists a repository.
   *
   * @throws EngineError ENCODER_NOT_FOUND, DOWNLOAD_FAILED, CANCELLED
   */
  async list(repo: string, revision: string): Promise<HubRepo> {
    const url = this.#url(`api/models/${repo}/revision/${encodeURIComponent(revision)}?blobs=true`)
    const body = await this.#again(async () => {
      const response = await this.#request(url, repo)
      return (await response.json()) as Record<string, unknown>
    }, url)
    const { sha, siblings, cardData } = body
    if (typeof sha !== 'string' || !/^[0-9a-f]{7,64}$/i.test(sha) || !Array.isArray(siblings))
      throw new EngineError(
        'DOWNLOAD_FAILED',
        `${url} did not answer as the hub does: no "sha" or "siblings"`,
      )
    const base = [(cardData as { base_model?: unknown } | undefined)?.base_model].flat()[0]
    return { repo, sha, files: siblings.map(toFile), base: typeof base === 'string' ? base : undefined }
  }

  /**
   * Downloads a file, whole or not at all. What came of it before is kept in `TARGET.part` and gone on with.
   *
   * @param onBytes called with the bytes of this file that are there, from the beginning
   * @throws EngineError DOWNLOAD_FAILED (also when its hash is not as the hub says), CANCELLED, DISK_FULL
   */
  async download(
    { repo, sha }: HubRepo,
    file: HubFile,
    { target, onBytes }: { target: string; onBytes?: (bytes: number) => void },
  ): Promise<void> {
    const path = file.path.split('/').map(encodeURIComponent).join('/')
    const url = this.#url(`${repo}/resolve/${sha}/${path}`)
    const part = `${target}.part`
    await mkdir(dirname(target), { recursive: true })
    await this.#again(
      () => this.#transfer(url, { part, file, repo, onBytes }),
      url,
      () => sizeOf(part),
    )
    const wrong = await mismatch(part, file)
    if (wrong !== undefined) {
      await rm(part, { force: true })
      throw new EngineError(
        'DOWNLOAD_FAILED',
        `${url} came damaged: ${wrong}. Nothing was installed; run the command again`,
      )
    }
    await rename(part, target)
  }

  async #transfer(
    url: URL,
    options: { part: string; file: HubFile; repo: string; onBytes: ((bytes: number) => void) | undefined },
  ): Promise<void> {
    const { part, file, repo, onBytes } = options
    let have = await sizeOf(part)
    if (file.size !== undefined && have > file.size) {
      await rm(part)
      have = 0
    }
    if (file.size !== undefined && have === file.size && have > 0) return
    const response = await this.#request(url, repo, have > 0 ? { range: `bytes=${have}-` } : {})
    const goesOn =
      response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${have}-`)
    if (!goesOn) have = 0
    const handle = await open(part, goesOn ? 'a' : 'w')
    try {
      for await (const chunk of response.body ?? []) {
        await handle.write(chunk as Uint8Array)
        have += (chunk as Uint8Array).length
        onBytes?.(have)
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (file.size !== undefined && have < file.size)
      throw new Passing(`the connection ended after ${have} of ${file.size} bytes`)
  }

  /** One request; throws {@link Passing} where trying again may help. */
  async #request(url: URL, repo: string, headers: Record<string, string> = {}): Promise<Response> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(new Error(`no answer for ${PATIENCE / 1000} s`)), PATIENCE)
    let response: Response
    try {
      const signal = this.#signal ? AbortSignal.any([this.#signal, late.signal]) : late.signal
      // compressed transfer would make ranges and sizes mean something else
      const all: Record<string, string> = { 'accept-encoding': 'identity', ...headers }
      // fetch takes it away when it is sent on to another origin
      if (this.#token) all.authorization = `Bearer ${this.#token}`
      response = await fetch(url, { headers: all, signal })
    } finally {
      clearTimeout(timer)
    }
    if (response.ok || (response.status === 416 && headers.range)) return response
    await response.body?.cancel()
    const { status } = response
    if (status >= 500 || status === 429 || status === 408) {
      throw new Passing(`the server answered ${status}`)
    }
    if (status === 404)
      throw new EngineError('ENCODER_NOT_FOUND', `${url} does not exist; check name, revision and file`)
    if (status === 401 || status === 403) {
      const how = this.#token
        ? 'with the token of HF_TOKEN'
        : 'without a token; set HF_TOKEN if it is private or gated'
      throw new EngineError(
        'DOWNLOAD_FAILED',
        `${repo} was refused (${status}) ${how}, and the hub answers so as well where there is no such repository: check the name`,
      )
    }
    throw new EngineError('DOWNLOAD_FAILED', `${url} answered ${status}`)
  }

  /** Repeats what fails in passing; whoever makes headway may fail as often as they like. */
  async #again<T>(attempt: () => Promise<T>, url: URL, headway?: () => Promise<number>): Promise<T> {
    let best = (await headway?.()) ?? 0
    for (let failures = 0; ; ) {
      try {
        return await attempt()
      } catch (error) {
        if (this.#signal?.aborted)
          throw new EngineError('CANCELLED', 'the download was cancelled; run it again to go on')
        if (error instanceof EngineError) throw error
        if (isFull(error)) throw new EngineError('DISK_FULL', `no space is left for ${url}`, { cause: error })
        const now = (await headway?.()) ?? 0
        failures = now > best ? 1 : failures + 1
        best = Math.max(best, now)
        if (failures >= TRIES) {
          throw new EngineError(
            'DOWNLOAD_FAILED',
            `${url} could not be read in ${TRIES} tries: ${reasonOf(error)}. What came is kept: run the command again to go on, or set HF_ENDPOINT to a mirror`,
            { cause: error },
          )
        }
        await wait(this.#retryDelay * 2 ** (failures - 1), undefined, { signal: this.#signal }).catch(
          () => {},
        )
      }
    }
  }

  #url(path: string): URL {
    return new URL(path, this.#endpoint.href.endsWith('/') ? this.#endpoint : `${this.#endpoint.href}/`)
  }
}

/** A failure that may not happen again. */
class Passing extends Error {}

function toFile(sibling: unknown): HubFile {
  const { rfilename, size, blobId, lfs } = (sibling ?? {}) as Record<string, unknown>
  const large = lfs as { sha256?: unknown; oid?: unknown; size?: unknown } | undefined
  const path = String(rfilename)
  if (!isSafePath(path)) {
    throw new EngineError(
      'DOWNLOAD_FAILED',
      `the hub lists a file ${JSON.stringify(path.slice(0, 100))}, whose name could leave the encoder's folder; nothing was downloaded`,
    )
  }
  const oid = large?.sha256 ?? large?.oid
  const length = large?.size ?? size
  return {
    path,
    size: typeof length === 'number' ? length : undefined,
    sha256: typeof oid === 'string' ? oid.replace(/^sha256:/, '') : undefined,
    gitSha1: !large && typeof blobId === 'string' && /^[0-9a-f]{40}$/.test(blobId) ? blobId : undefined,
  }
}

/** @returns how a file differs from what the hub says of it */
async function mismatch(path: string, { size, sha256, gitSha1 }: HubFile): Promise<string | undefined> {
  const found = (await stat(path)).size
  if (size !== undefined && found !== size) return `it has ${found} bytes, expected ${size}`
  if (sha256 !== undefined) {
    const hash = await hashFile(path)
    if (hash.sha256 !== sha256) return `its sha256 is ${hash.sha256}, expected ${sha256}`
  } else if (gitSha1 !== undefined) {
    const hash = createHash('sha1').update(`blob ${found}\0`)
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
    const sha1 = hash.digest('hex')
    if (sha1 !== gitSha1) return `its git hash is ${sha1}, expected ${gitSha1}`
  }
  return undefined
}

async function sizeOf(path: string): Promise<number> {
  return existsSync(path) ? (await stat(path)).size : 0
}

function isFull(error: unknown): boolean {
  return (error as { code?: unknown })?.code === 'ENOSPC'
}

/** fetch says only "fetch failed"; the reason is its cause. */
function reasonOf(error: unknown): string {
  const cause = (error as { cause?: { code?: string; message?: string } })?.cause
  return cause?.code ?? cause?.message ?? (error instanceof Error ? error.message : String(error))
}
