import { z } from '@hono/zod-openapi'
import { EngineError } from '../../core/errors.js'
import {
  CorrectedAnswer,
  CorrectionsAnswer,
  DetectionsAnswer,
  ExplanationAnswer,
  OutliersAnswer,
  StartedAnswer,
} from '../answer-schemas.js'
import { answers, type Door, type Endpoint, jsonBody, pathSegment, readQuery } from '../endpoint.js'
import { jsonAnswer } from '../json-answer.js'
import { readJson } from '../read-body.js'
import { CorrectBody, DetectBody, DetectionsQuery, OutliersQuery } from '../schemas.js'

const tags = ['Outliers']
const params = z.object({ c: z.string() })
const itemParams = z.object({ c: z.string(), id: z.string() })

/** GET …/outliers and …/items/{id}/explanation; POST and GET …/detections; POST and GET …/corrections. */
export function outlierRoutes({ kindred, bodies }: Door): Endpoint[] {
  return [
    {
      route: {
        method: 'get',
        path: '/v1/collections/{c}/outliers',
        summary: 'The strangest items, with what each detector says of them',
        description:
          'Detectors are fitted first where there are none: the answer waits for that job, which /v1/jobs shows.',
        tags,
        request: { params, query: OutliersQuery },
        responses: answers('The strangest first', OutliersAnswer),
      },
      async handle(c) {
        const { against, againstWhere, ...options } = readQuery(c, OutliersQuery)
        if (againstWhere !== undefined && against === undefined) {
          const message = 'againstWhere is of another collection: name it with against'
          throw new EngineError('INVALID_REQUEST', message, { details: { field: 'againstWhere' } })
        }
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const beside = against === undefined ? {} : { against: { collection: against, where: againstWhere } }
        return jsonAnswer(await collection.outliers({ ...options, ...beside }))
      },
    },
    {
      route: {
        method: 'post',
        path: '/v1/collections/{c}/detections',
        summary: 'Fit the detectors of a space and judge all its items, as a job',
        tags,
        request: { params, ...jsonBody(DetectBody) },
        responses: answers('The job that was started; see /v1/jobs/{id}/events', StartedAnswer, 202),
      },
      async handle(c) {
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const { job } = await collection.detect(await readJson(c, bodies, 'detect'))
        return jsonAnswer({ job: kindred.jobs.get(job) }, 202)
      },
    },
    {
      route: {
        method: 'get',
        path: '/v1/collections/{c}/detections',
        summary: 'The detections that a space has had, newest first',
        tags,
        request: { params, query: DetectionsQuery },
        responses: answers('Newest first', DetectionsAnswer),
      },
      async handle(c) {
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const { space } = readQuery(c, DetectionsQuery)
        return jsonAnswer({ detections: await collection.detections(space) })
      },
    },
    {
      route: {
        method: 'get',
        path: '/v1/collections/{c}/items/{id}/explanation',
        summary: 'Why an item seems strange',
        tags,
        request: { params: itemParams, query: DetectionsQuery },
        responses: answers('Reasons, the strongest first, and its nearest normal items', ExplanationAnswer),
      },
      async handle(c) {
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const asked = readQuery(c, DetectionsQuery)
        const { picture, ...explanation } = await collection.explain(pathSegment(c, 5), asked)
        return jsonAnswer({ ...explanation, hasPicture: picture !== undefined })
      },
    },
    {
      route: {
        method: 'post',
        path: '/v1/collections/{c}/corrections',
        summary: 'Say that items are fine, or strange, or take that back',
        tags,
        request: { params, ...jsonBody(CorrectBody) },
        responses: answers('How many items were corrected', CorrectedAnswer),
      },
      async handle(c) {
        const collection = await kindred.getCollection(pathSegment(c, 3))
        const { ids, verdict } = await readJson(c, bodies, 'correct')
        return jsonAnswer(await collection.correct(ids, verdict))
      },
    },
    {
      route: {
        method: 'get',
        path: '/v1/collections/{c}/corrections',
        summary: 'What people said of items, the latest first',
        tags,
        request: { params },
        responses: answers('The latest first', CorrectionsAnswer),
      },
      async handle(c) {
        const collection = await kindred.getCollection(pathSegment(c, 3))
        return jsonAnswer({ corrections: await collection.corrections() })
      },
    },
  ]
}
