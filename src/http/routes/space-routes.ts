import { z } from '@hono/zod-openapi'
import { EngineError } from '../../core/errors.js'
import { ModelAnswer, StartedAnswer, VersionsAnswer } from '../answer-schemas.js'
import { answers, type Door, type Endpoint, jsonBody, pathSegment, readQuery } from '../endpoint.js'
import { jsonAnswer } from '../json-answer.js'
import { readJson } from '../read-body.js'
import { RevertBody, VersionQuery } from '../schemas.js'

const tags = ['Spaces']
const params = z.object({ c: z.string(), s: z.string() })

/** GET …/spaces/{s}/versions, POST …/spaces/{s}/revert, GET …/spaces/{s}/encoder and …/encoder/{file}. */
export function spaceRoutes({ kindred, bodies }: Door): Endpoint[] {
  return [
    {
      route: {
        method: 'get',
        path: '/v1/collections/{c}/spaces/{s}/versions',
        summary: "A space's encoders: the current one, the one before, and one that is being filled",
        tags,
        request: { params },
        responses: answers('Newest first', VersionsAnswer),
      },
      async handle(c) {
        const collection = await kindred.getCollection(pathSegment(c, 3))
        return jsonAnswer({ versions: await collection.encoderVersions(pathSegment(c, 5)) })
      },
    },
    {
      route: {
        method: 'post',
        path: '/v1/collections/{c}/spaces/{s}/revert',
        summary: 'Bring the encoder back that was replaced, as a job',
        tags,
        request: { params, ...jsonBody(RevertBody) },
        responses: answers('The job that was started', StartedAnswer, 202),
      },
      async handle(c) {
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const options = await readJson(c, bodies, 'revert')
        const { job } = await collection.revert(pathSegment(c, 5), options)
        return jsonAnswer({ job: kindred.jobs.get(job) }, 202)
      },
    },
    {
      route: {
        method: 'get',
        path: '/v1/collections/{c}/spaces/{s}/encoder',
        summary: 'A fitted encoder: settings, report, names of its files',
        tags,
        request: { params, query: VersionQuery },
        responses: answers('The encoder', ModelAnswer),
      },
      async handle(c) {
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const { files, ...model } = await collection.encoderModel(
          pathSegment(c, 5),
          readQuery(c, VersionQuery),
        )
        return jsonAnswer({ ...model, files: Object.keys(files) })
      },
    },
    {
      route: {
        method: 'get',
        path: '/v1/collections/{c}/spaces/{s}/encoder/{file}',
        summary: "One of a fitted encoder's files, such as encoder.onnx",
        tags,
        request: { params: params.extend({ file: z.string() }), query: VersionQuery },
        responses: {
          ...answers('', z.unknown()),
          200: {
            description: 'Its bytes',
            content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
          },
        },
      },
      async handle(c) {
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const space = pathSegment(c, 5)
        const name = pathSegment(c, 7)
        const { files } = await collection.encoderModel(space, readQuery(c, VersionQuery))
        const bytes = Object.hasOwn(files, name) ? files[name] : undefined
        if (!bytes) {
          const known = Object.keys(files).join(', ') || 'none'
          throw new EngineError(
            'NOT_FOUND',
            `the encoder of space "${space}" has no file "${name}"; it has ${known}`,
          )
        }
        const headers = { 'content-type': 'application/octet-stream', 'x-content-type-options': 'nosniff' }
        return new Response(new Uint8Array(bytes), { headers })
      },
    },
  ]
}
