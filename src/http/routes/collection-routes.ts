import { z } from '@hono/zod-openapi'
import { EngineError } from '../../core/errors.js'
import { CollectionAnswer, CollectionsAnswer, DeletedAnswer, FacetsAnswer } from '../answer-schemas.js'
import { answers, type Door, type Endpoint, jsonBody, pathSegment, readQuery } from '../endpoint.js'
import { jsonAnswer } from '../json-answer.js'
import { readJson } from '../read-body.js'
import { CollectionBody, CollectionChangesBody, FacetsQuery } from '../schemas.js'

const tags = ['Collections']
const params = z.object({ c: z.string() })

/** POST and GET /v1/collections; GET, PATCH and DELETE /v1/collections/{c}; GET /v1/collections/{c}/facets. */
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
        method: 'patch',
        path: '/v1/collections/{c}',
        summary: 'Set which metadata fields filters are to find fast',
        tags,
        request: { params, ...jsonBody(CollectionChangesBody) },
        responses: answers('The collection', CollectionAnswer),
      },
      async handle(c) {
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const { indexed } = await readJson(c, bodies, 'collectionChanges')
        await collection.setIndexed(indexed)
        return jsonAnswer(await collection.summary())
      },
    },
    {
      route: {
        method: 'get',
        path: '/v1/collections/{c}/facets',
        summary: 'Count the items that match, and the most frequent values of fields among them',
        tags: ['Search'],
        request: { params, query: FacetsQuery },
        responses: answers('The counts', FacetsAnswer),
      },
      async handle(c) {
        const { field, ...options } = readQuery(c, FacetsQuery)
        const fields = field === undefined || field === '' ? [] : field.split(',')
        const collection = await kindred.getCollection(pathSegment(c, 3))
        return jsonAnswer(await collection.facets({ ...options, fields }))
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
