import { z } from '@hono/zod-openapi'
import { DuplicatesAnswer, StartedAnswer } from '../answer-schemas.js'
import { answers, type Door, type Endpoint, jsonBody, pathSegment, readQuery } from '../endpoint.js'
import { jsonAnswer } from '../json-answer.js'
import { readJson } from '../read-body.js'
import { DuplicatesBody, DuplicatesQuery } from '../schemas.js'

const path = '/v1/collections/{c}/duplicates'
const tags = ['Duplicates']
const params = z.object({ c: z.string() })

/** POST and GET …/duplicates. */
export function duplicateRoutes({ kindred, bodies }: Door): Endpoint[] {
  return [
    {
      route: {
        method: 'post',
        path,
        summary: 'Look for items that are the same, nearly the same or similar, as a job',
        tags,
        request: { params, ...jsonBody(DuplicatesBody) },
        responses: answers('The job that was started; see /v1/jobs/{id}/events', StartedAnswer, 202),
      },
      async handle(c) {
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const { job } = await collection.startDuplicates(await readJson(c, bodies, 'duplicates'))
        return jsonAnswer({ job: kindred.jobs.get(job) }, 202)
      },
    },
    {
      route: {
        method: 'get',
        path,
        summary: 'What the latest search for duplicates found, page by page',
        tags,
        request: { params, query: DuplicatesQuery },
        responses: answers(
          'Groups with the one to keep; NOT_FOUND before the first search',
          DuplicatesAnswer,
        ),
      },
      async handle(c) {
        const collection = await kindred.getCollection(pathSegment(c, 3))
        return jsonAnswer(await collection.latestDuplicates(readQuery(c, DuplicatesQuery)))
      },
    },
  ]
}
