import type { Context } from 'hono'
import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import type { Bodies, BodyKind } from './body-parser.js'
import type { BodyPool } from './body-pool.js'

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i
const NDJSON_TYPE = /^application\/(?:x-)?(?:ndjson|jsonl|jsonlines)\s*(?:;|$)/i
/** Declared lengths up to this are read in one go. */
const SMALL_BYTES = 64 << 10
/** How long a body may stop arriving, in milliseconds. */
const IDLE_MS = 60_000

/**
 * The kind of a body by its content type. That one of these is demanded is also what keeps forms of foreign web
 * sites out: a browser sends neither without asking first.
 *
 * @throws EngineError UNSUPPORTED_MEDIA_TYPE
 */
export function bodyFormat(c: Context, allowed: 'json' | 'json or ndjson' = 'json'): 'json' | 'ndjson' {
  const { headers } = c.req.raw
  const type = headers.get('content-type') ?? ''
  const encoding = headers.get('content-encoding')
  if (encoding !== null && encoding !== 'identity') {
    throw new EngineError(
      'UNSUPPORTED_MEDIA_TYPE',
      `content-encoding "${encoding}" is not read; send the body as it is`,
    )
  }
  if (type === 'application/json' || JSON_TYPE.test(type)) return 'json'
  if (allowed === 'json or ndjson' && NDJSON_TYPE.test(type)) return 'ndjson'
  const expected = allowed === 'json' ? 'application/json' : 'application/json or application/x-ndjson'
  throw new EngineError(
    'UNSUPPORTED_MEDIA_TYPE',
    `the content-type must be ${expected}, got ${type === '' ? 'none' : `"${type}"`}`,
  )
}

/**
 * Reads a JSON body and checks it.
 *
 * @throws EngineError UNSUPPORTED_MEDIA_TYPE, BODY_TOO_LARGE (without reading it all), INVALID_JSON, INVALID_REQUEST, …
 */
export async function readJson<K extends BodyKind>(c: Context, pool: BodyPool, kind: K): Promise<Bodies[K]> {
  bodyFormat(c)
  return pool.body(kind, await readBytes(c.req.raw))
}

async function readBytes(request: Request): Promise<Uint8Array> {
  const declared = request.headers.get('content-length')
  const length = declared === null ? Number.POSITIVE_INFINITY : Number(declared)
  if (declared !== null && length > LIMITS.bodyBytes) throw tooLarge(`${length}`)
  if (length <= SMALL_BYTES) return new Uint8Array(await inTime(request.arrayBuffer()))
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of bodyParts(request)) {
    size += part.length
    if (size > LIMITS.bodyBytes) throw tooLarge(`more than ${LIMITS.bodyBytes}`)
    parts.push(part)
  }
  return Buffer.concat(parts, size)
}

/** A body as it arrives. @throws EngineError CANCELLED when it ends too soon, or stops arriving for a minute */
export async function* bodyParts(request: Request): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = request.body?.getReader()
  if (!reader) return
  try {
    while (true) {
      const { done, value } = await inTime(reader.read())
      if (done) return
      yield value
    }
  } finally {
    reader.cancel().catch(() => {}) // whoever sent it may still be sending; the server lets that run off
  }
}

async function inTime<T>(arriving: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${IDLE_MS / 1000} s`)), IDLE_MS)
  })
  try {
    return await Promise.race([arriving, late])
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new EngineError('CANCELLED', `the body did not arrive whole: ${reason}`, { cause })
  } finally {
    clearTimeout(timer)
  }
}

function tooLarge(size: string): EngineError {
  return new EngineError(
    'BODY_TOO_LARGE',
    `the body has ${size} bytes, at most ${LIMITS.bodyBytes} are taken: send it in parts, or items as NDJSON`,
  )
}
