import { z } from '@hono/zod-openapi'
import { StartedAnswer } from '../answer-schemas.js'
import { answers, type Door, type Endpoint, jsonBody, pathSegment } from '../endpoint.js'
import { jsonAnswer } from '../json-answer.js'
import { readJson } from '../read-body.js'
import { TrainBody } from '../schemas.js'

const params = z.object({ c: z.string() })

/** POST …/train. */
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
  ]
}
