import type { RouteConfig, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { EngineError } from '../core/errors.js'
import type { Kindred } from '../engine/kindred.js'
import { ErrorAnswer } from './answer-schemas.js'
import type { BodyPool } from './body-pool.js'
import { check } from './validation.js'

/** What the routes work with. */
export interface Door {
  readonly kindred: Kindred
  readonly version: string
  readonly bodies: BodyPool
  /** Aborts when the server begins to close: whatever would run on must end. */
  readonly closing: AbortSignal
}

/** One route: what the OpenAPI document says of it and what it does. */
export interface Endpoint {
  route: RouteConfig
  /** `open` routes need no token. Default: token. */
  access?: 'open' | 'token'
  handle(c: Context): Response | Promise<Response>
}

type Responses = RouteConfig['responses']

/** The responses of a route that answers JSON, errors included. */
export function answers(description: string, schema: z.ZodType, status = 200): Responses {
  return {
    [status]: { description, content: { 'application/json': { schema } } },
    default: { description: 'An error', content: { 'application/json': { schema: ErrorAnswer } } },
  }
}

/** A required JSON body, for a route's `request`. */
export function jsonBody(schema: z.ZodType): {
  body: { required: true; content: Record<string, { schema: z.ZodType }> }
} {
  return { body: { required: true, content: { 'application/json': { schema } } } }
}

/**
 * Part of the request's path, decoded once and strictly; 0 is what stands before the first `/`.
 *
 * @throws EngineError INVALID_REQUEST if it is not percent-encoded UTF-8
 */
export function pathSegment(c: Context, index: number): string {
  const raw = c.req.path.split('/')[index] ?? ''
  try {
    return raw.includes('%') ? decodeURIComponent(raw) : raw
  } catch (cause) {
    throw new EngineError('INVALID_REQUEST', `"${raw}" in the path is not percent-encoded UTF-8`, { cause })
  }
}

/** A request's path as it was sent, still percent-encoded, so that an encoded `/` divides nothing. */
export function rawPath(request: Request): string {
  const { url } = request
  const start = url.indexOf('/', url.indexOf(':') + 3)
  const end = url.slice(start).search(/[?#]/)
  return end === -1 ? url.slice(start) : url.slice(start, start + end)
}

/**
 * The query of the address, checked; every field may stand there once.
 *
 * @throws EngineError INVALID_REQUEST
 */
export function readQuery<S extends z.ZodType>(c: Context, schema: S): z.output<S> {
  const { url } = c.req.raw
  const mark = url.indexOf('?')
  const fields: Record<string, string> = {}
  for (const [name, value] of new URLSearchParams(mark === -1 ? '' : url.slice(mark))) {
    if (Object.hasOwn(fields, name)) {
      throw new EngineError('INVALID_REQUEST', `"${name}" stands twice in the query`, {
        details: { field: name },
      })
    }
    Object.defineProperty(fields, name, { value, enumerable: true })
  }
  return check(schema, fields, 'the query')
}
