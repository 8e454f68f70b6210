import { createHash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import { EngineError } from '../../core/errors.js'
import { checkId } from '../../core/names.js'
import { answers, type Door, type Endpoint, pathSegment } from '../endpoint.js'
import { itemNotFound } from './item-routes.js'

/** GET …/items/{id}/image: the picture as it was given, to be kept by browsers and asked for by its hash. */
export function imageRoute({ kindred }: Door): Endpoint {
  const { default: error } = answers('', z.unknown())
  return {
    route: {
      method: 'get',
      path: '/v1/collections/{c}/items/{id}/image',
      summary: "An item's picture",
      tags: ['Items'],
      request: { params: z.object({ c: z.string(), id: z.string() }) },
      responses: {
        200: {
          description: 'Its bytes, with an ETag',
          content: { 'image/*': { schema: { type: 'string', format: 'binary' } } },
        },
        304: { description: 'The picture that `If-None-Match` names is still the one' },
        default: error ?? { description: 'An error' },
      },
    },
    async handle(c) {
      const id = checkId(pathSegment(c, 5))
      const collection = await kindred.getCollection(pathSegment(c, 3))
      const image = await collection.image(id)
      if (!image) {
        if (!(await collection.get(id, { include: [] }))) throw itemNotFound(id, collection.name)
        throw new EngineError('NOT_FOUND', `item ${JSON.stringify(id)} has no picture`)
      }
      const hash = createHash('sha256').update(image.bytes).digest('base64url').slice(0, 22)
      const headers = {
        'content-type': image.type,
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
      return new Response(new Uint8Array(image.bytes), { headers })
    },
  }
}
