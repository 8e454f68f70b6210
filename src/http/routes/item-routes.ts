import { z } from '@hono/zod-openapi'
import { EngineError } from '../../core/errors.js'
import { checkId } from '../../core/names.js'
import { INCLUDES, type Include } from '../../core/types.js'
import { DeletedAnswer, ItemAnswer, ItemsAnswer, ReceiptAnswer } from '../answer-schemas.js'
import { answers, type Door, type Endpoint, jsonBody, pathSegment, readQuery } from '../endpoint.js'
import { jsonAnswer, listAnswer } from '../json-answer.js'
import { addLines } from '../ndjson.js'
import { bodyFormat, bodyParts, readJson } from '../read-body.js'
import { DeleteBody, ItemBody, ItemQuery, ItemsBody, ListQuery, PatchBody } from '../schemas.js'

const tags = ['Items']
const params = z.object({ c: z.string() })
const itemParams = params.extend({ id: z.string().openapi({ description: 'Percent-encoded, "/" included' }) })

/** POST and GET …/items; GET, PATCH and DELETE …/items/{id}; POST …/items/delete. */
export function itemRoutes({ kindred, bodies }: Door): Endpoint[] {
  return [
    {
      route: {
        method: 'post',
        path: '/v1/collections/{c}/items',
        summary: 'Write items: a JSON batch is all or nothing, NDJSON in steps of 1,000 lines',
        tags,
        request: {
          params,
          body: {
            required: true,
            content: {
              'application/json': { schema: ItemsBody },
              'application/x-ndjson': { schema: ItemBody },
            },
          },
        },
        responses: answers('What is written, and will stay', ReceiptAnswer),
      },
      async handle(c) {
        const { signal } = c.req.raw
        const format = bodyFormat(c, 'json or ndjson')
        const collection = await kindred.getCollection(pathSegment(c, 3))
        if (format === 'json') {
          const { upserted, unchanged } = await collection.add(await readJson(c, bodies, 'items'), { signal })
          return jsonAnswer({ upserted, unchanged })
        }
        const add = (items: Parameters<typeof collection.add>[0]) => collection.add(items, { signal })
        return jsonAnswer(await addLines(bodyParts(c.req.raw), { pool: bodies, add }))
      },
    },
    {
      route: {
        method: 'get',
        path: '/v1/collections/{c}/items',
        summary: 'List items, or those that match, in the order of their first writing',
        tags,
        request: { params, query: ListQuery },
        responses: answers('One page, and the cursor of the next if there is one', ItemsAnswer),
      },
      async handle(c) {
        const { where, include, limit, cursor } = readQuery(c, ListQuery)
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const page = await collection.list({ ...defined({ limit, cursor, where }), ...includes(include) })
        const after = page.cursor === undefined ? ']}' : `],"cursor":${JSON.stringify(page.cursor)}}`
        return listAnswer(page.items, { before: '{"items":[', after, write: (item) => JSON.stringify(item) })
      },
    },
    {
      route: {
        method: 'get',
        path: '/v1/collections/{c}/items/{id}',
        summary: 'Look at an item',
        tags,
        request: { params: itemParams, query: ItemQuery },
        responses: answers('The item', ItemAnswer),
      },
      async handle(c) {
        const { include } = readQuery(c, ItemQuery)
        const id = checkId(pathSegment(c, 5))
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const item = await collection.get(id, includes(include))
        if (!item) throw itemNotFound(id, collection.name)
        return jsonAnswer(item)
      },
    },
    {
      route: {
        method: 'patch',
        path: '/v1/collections/{c}/items/{id}',
        summary: 'Change an item: metadata is merged (RFC 7396), what else is named is replaced',
        tags,
        request: { params: itemParams, ...jsonBody(PatchBody) },
        responses: answers('How many were written: 1', ReceiptAnswer.pick({ upserted: true })),
      },
      async handle(c) {
        const id = checkId(pathSegment(c, 5))
        const collection = await kindred.getCollection(pathSegment(c, 3))
        await collection.patch(id, await readJson(c, bodies, 'patch'))
        return jsonAnswer({ upserted: 1 })
      },
    },
    {
      route: {
        method: 'delete',
        path: '/v1/collections/{c}/items/{id}',
        summary: 'Delete an item',
        tags,
        request: { params: itemParams },
        responses: answers('How many were deleted: 1', DeletedAnswer),
      },
      async handle(c) {
        const id = checkId(pathSegment(c, 5))
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const { deleted } = await collection.remove([id])
        if (deleted === 0) throw itemNotFound(id, collection.name)
        return jsonAnswer({ deleted })
      },
    },
    {
      route: {
        method: 'post',
        path: '/v1/collections/{c}/items/delete',
        summary: 'Delete items by their ids, or all that match; ids that are not there are passed over',
        tags,
        request: { params, ...jsonBody(DeleteBody) },
        responses: answers('How many were there', DeletedAnswer),
      },
      async handle(c) {
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const { deleted } = await collection.remove(await readJson(c, bodies, 'remove'))
        return jsonAnswer({ deleted })
      },
    },
  ]
}

export function itemNotFound(id: string, collection: string): EngineError {
  return new EngineError('ITEM_NOT_FOUND', `there is no item ${JSON.stringify(id)} in "${collection}"`)
}

/** `metadata,text` of an address. @throws EngineError INVALID_REQUEST */
function includes(list: string | undefined): { include?: Include[] } {
  if (list === undefined) return {}
  const include = list.split(',').flatMap((name) => (name === '' ? [] : [includeOf(name)]))
  return { include }
}

function includeOf(name: string): Include {
  const include = INCLUDES.find((known) => known === name)
  if (include) return include
  throw new EngineError(
    'INVALID_REQUEST',
    `"include" in the query must hold ${INCLUDES.join(', ')}, separated by commas, got ${JSON.stringify(name)}`,
    { details: { field: 'include' } },
  )
}

function defined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>
}
