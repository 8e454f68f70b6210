import { z } from '@hono/zod-openapi'
import { EngineError } from '../../core/errors.js'
import { CollectionAnswer, CollectionsAnswer, DeletedAnswer } from '../answer-schemas.js'
import { answers, type Door, type Endpoint, jsonBody, pathSegment } from '../endpoint.js'
import { jsonAnswer } from '../json-answer.js'
import { readJson } from '../read-body.js'
import { CollectionBody } from '../schemas.js'

const tags = ['Collections']
const params = z.object({ c: z.string() })

/** POST and GET /v1/collections; GET and DELETE /v1/collections/{c}. */
export function collectionRoutes({ kindred, bodies }: Door): Endpoint[] {
  return [
    {
      route: {
        method: 'post',
        path: '/v1/collections',
        summary: 'Make a collection',
        tags,
        request: jsonBody(CollectionBody),
        responses: answers('The new collection', CollectionAnswer, 201),
      },
      async handle(c) {
        const { name, options } = await readJson(c, bodies, 'collection')
        const collection = await kindred.createCollection(name, options)
        return jsonAnswer(await collection.summary(), 201)
      },
    },
    {
      route: {
        method: 'get',
        path: '/v1/collections',
        summary: 'List the collections',
        tags,
        responses: answers('All collections', CollectionsAnswer),
      },
      async handle() {
        return jsonAnswer({ collections: await kindred.collections() })
      },
    },
    {
      route: {
        method: 'get',
        path: '/v1/collections/{c}',
        summary: 'Look at a collection',
        tags,
        request: { params },
        responses: answers('The collection', CollectionAnswer),
      },
      async handle(c) {
        const collection = await kindred.getCollection(pathSegment(c, 3))
        return jsonAnswer(await collection.summary())
      },
    },
    {
      route: {
        method: 'delete',
        path: '/v1/collections/{c}',
        summary: 'Delete a collection with everything in it',
        tags,
        request: { params },
        responses: answers('How many were deleted: 1', DeletedAnswer),
      },
      async handle(c) {
        const name = pathSegment(c, 3)
        if (await kindred.deleteCollection(name)) return jsonAnswer({ deleted: 1 })
        throw new EngineError('COLLECTION_NOT_FOUND', `there is no collection ${JSON.stringify(name)}`)
      },
    },
  ]
}
