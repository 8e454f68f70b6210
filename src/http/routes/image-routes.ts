import { createHash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { EngineError } from '../../core/errors.js'
import { checkId } from '../../core/names.js'
import { answers, type Door, type Endpoint, pathSegment, readQuery } from '../endpoint.js'
import { ImageQuery, ReconstructionQuery } from '../schemas.js'
import { itemNotFound } from './item-routes.js'

const params = z.object({ c: z.string(), id: z.string() })
const binary = { schema: { type: 'string', format: 'binary' } } as const
const { default: error } = answers('', z.unknown())

function pictureResponses(description: string): Endpoint['route']['responses'] {
  return {
    200: { description, content: { 'image/*': binary } },
    304: { description: 'The picture that `If-None-Match` names is still the one' },
    default: error ?? { description: 'An error' },
  }
}

/** GET …/items/{id}/image, …/reconstruction and …/explanation/image. */
export function imageRoutes({ kindred }: Door): Endpoint[] {
  return [
    {
      route: {
        method: 'get',
        path: '/v1/collections/{c}/items/{id}/image',
        summary: "An item's picture",
        tags: ['Items'],
        request: { params, query: ImageQuery },
        responses: pictureResponses('Its bytes, with an ETag; a rendition where the file was not kept'),
      },
      async handle(c) {
        const options = readQuery(c, ImageQuery)
        const id = checkId(pathSegment(c, 5))
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const image = await collection.image(id, options)
        if (!image) {
          if (!(await collection.get(id, { include: [] }))) throw itemNotFound(id, collection.name)
          throw new EngineError('NOT_FOUND', `item ${JSON.stringify(id)} has no picture`)
        }
        return picture(c, image)
      },
    },
    {
      route: {
        method: 'get',
        path: '/v1/collections/{c}/items/{id}/reconstruction',
        summary: "The picture that a trained encoder makes of an item's",
        tags: ['Items'],
        request: { params, query: ReconstructionQuery },
        responses: pictureResponses('A PNG, with an ETag'),
      },
      async handle(c) {
        const options = readQuery(c, ReconstructionQuery)
        const id = checkId(pathSegment(c, 5))
        const collection = await kindred.getCollection(pathSegment(c, 3))
        return picture(c, { bytes: await collection.reconstruction(id, options), type: 'image/png' })
      },
    },
    {
      route: {
        method: 'get',
        path: '/v1/collections/{c}/items/{id}/explanation/image',
        summary: "An item's picture, what a trained encoder makes of it, and where they differ, side by side",
        tags: ['Outliers'],
        request: { params, query: ReconstructionQuery },
        responses: pictureResponses('A PNG, with an ETag'),
      },
      async handle(c) {
        const options = readQuery(c, ReconstructionQuery)
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const { picture: bytes } = await collection.explain(checkId(pathSegment(c, 5)), options)
        if (bytes) return picture(c, { bytes, type: 'image/png' })
        const message = `no encoder of collection "${collection.name}" reconstructs this item; train one: POST …/train {"encoder": "autoencoder"}`
        throw new EngineError('NOT_FOUND', message)
      },
    },
  ]
}

/** To be kept by browsers and asked for by its hash. */
function picture(c: Context, { bytes, type }: { bytes: Uint8Array; type: string }): Response {
  const hash = createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
  const headers = {
    'content-type': type,
    etag: `"${hash}"`,
    'cache-control': 'private, no-cache',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'same-origin',
  }
  const known = c.req.header('if-none-match')?.split(/\s*,\s*/) ?? []
  if (known.some((tag) => tag === '*' || tag.replace(/^W\//, '') === headers.etag)) {
    return new Response(null, { status: 304, headers })
  }
  return new Response(new Uint8Array(bytes), { headers })
}
