import { z } from '@hono/zod-openapi'
import { EngineError } from '../../core/errors.js'
import { OutliersAnswer, StartedAnswer } from '../answer-schemas.js'
import { answers, type Door, type Endpoint, jsonBody, pathSegment, readQuery } from '../endpoint.js'
import { jsonAnswer } from '../json-answer.js'
import { readJson } from '../read-body.js'
import { OutliersQuery, TrainBody } from '../schemas.js'

const params = z.object({ c: z.string() })

/** POST …/train; GET …/outliers. */
export function trainRoutes({ kindred, bodies }: Door): Endpoint[] {
  return [
    {
      route: {
        method: 'post',
        path: '/v1/collections/{c}/train',
        summary: "Train an encoder on the collection's pictures, as a job",
        tags: ['Training'],
        request: { params, ...jsonBody(TrainBody) },
        responses: answers('The job that was started; see /v1/jobs/{id}/events', StartedAnswer, 202),
      },
      async handle(c) {
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const { job } = await collection.train(await readJson(c, bodies, 'train'))
        return jsonAnswer({ job: kindred.jobs.get(job) }, 202)
      },
    },
    {
      route: {
        method: 'get',
        path: '/v1/collections/{c}/outliers',
        summary: 'The items that a trained encoder knows worst',
        tags: ['Training'],
        request: { params, query: OutliersQuery },
        responses: answers('The strangest first', OutliersAnswer),
      },
      async handle(c) {
        const { rate, fdr, reference, ...options } = readQuery(c, OutliersQuery)
        for (const [field, value] of Object.entries({ rate, fdr, reference })) {
          if (value === undefined) continue
          const message = `"${field}" is not answered by this version; leave it out`
          throw new EngineError('UNSUPPORTED', message, { details: { field } })
        }
        const collection = await kindred.getCollection(pathSegment(c, 3))
        return jsonAnswer(await collection.outliers(options))
      },
    },
  ]
}
