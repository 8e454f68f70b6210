import { z } from '@hono/zod-openapi'
import { EngineError } from '../../core/errors.js'
import type { Job } from '../../core/jobs.js'
import { JobAnswer, JobsAnswer } from '../answer-schemas.js'
import { answers, type Door, type Endpoint, pathSegment } from '../endpoint.js'
import { jobEvents, LAST_EVENT_ID } from '../job-events.js'
import { jsonAnswer } from '../json-answer.js'

const tags = ['Jobs']
const params = z.object({ id: z.string() })

/** GET /v1/jobs; GET and DELETE /v1/jobs/{id}; GET /v1/jobs/{id}/events. */
export function jobRoutes({ kindred, closing }: Door): Endpoint[] {
  const find = (id: string): Job => {
    const job = kindred.jobs.get(id)
    if (job) return job
    throw new EngineError(
      'JOB_NOT_FOUND',
      `there is no job ${JSON.stringify(id)}; the last 100 ended ones are kept`,
    )
  }
  return [
    {
      route: {
        method: 'get',
        path: '/v1/jobs',
        summary: 'List the jobs',
        tags,
        responses: answers('Running ones and the last that ended', JobsAnswer),
      },
      handle: () => jsonAnswer({ jobs: kindred.jobs.list() }),
    },
    {
      route: {
        method: 'get',
        path: '/v1/jobs/{id}',
        summary: 'Look at a job',
        tags,
        request: { params },
        responses: answers('The job', JobAnswer),
      },
      handle: (c) => jsonAnswer(find(pathSegment(c, 3))),
    },
    {
      route: {
        method: 'delete',
        path: '/v1/jobs/{id}',
        summary: 'Cancel a job; one that has ended stays as it is',
        tags,
        request: { params },
        responses: answers('The job as it is now', JobAnswer),
      },
      async handle(c) {
        const id = pathSegment(c, 3)
        await kindred.jobs.cancel(id)
        return jsonAnswer(find(id))
      },
    },
    {
      route: {
        method: 'get',
        path: '/v1/jobs/{id}/events',
        summary: 'Follow a job: server-sent events, each the whole job, until it has ended',
        tags,
        request: { params },
        responses: {
          200: {
            description: 'A job an event',
            content: { 'text/event-stream': { schema: { type: 'string' } } },
          },
          204: { description: `To a reconnection after the last event: it was the last` },
          ...answers('', z.unknown(), 404),
        },
      },
      handle(c) {
        if (c.req.header('last-event-id') === LAST_EVENT_ID) return new Response(null, { status: 204 })
        const { id } = find(pathSegment(c, 3))
        return jobEvents((signal) => kindred.jobs.watch(id, { signal }), closing)
      },
    },
  ]
}
