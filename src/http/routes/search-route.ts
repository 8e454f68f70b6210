import { z } from '@hono/zod-openapi'
import type { SearchAnswer as Answer } from '../../core/types.js'
import { SearchAnswer, SearchAnswers } from '../answer-schemas.js'
import { answers, type Door, type Endpoint, jsonBody, pathSegment } from '../endpoint.js'
import { jsonAnswer, listAnswer } from '../json-answer.js'
import { readJson } from '../read-body.js'
import { SearchBatchBody, SearchBody } from '../schemas.js'

/** Answers with more results, or with vectors, are written piece by piece. */
const AT_ONCE = 500

/** POST …/search. */
export function searchRoute({ kindred, bodies }: Door): Endpoint {
  return {
    route: {
      method: 'post',
      path: '/v1/collections/{c}/search',
      summary: 'Find what means a text and has its words, or is nearest to an image, an item or a vector',
      tags: ['Search'],
      request: { params: z.object({ c: z.string() }), ...jsonBody(SearchBody) },
      responses: answers('The best items, the best first', SearchAnswer),
    },
    async handle(c) {
      const collection = await kindred.getCollection(pathSegment(c, 3))
      const request = await readJson(c, bodies, 'search')
      const answer = await collection.search(request, { signal: c.req.raw.signal })
      const large = answer.results.length > AT_ONCE || request.include?.includes('vectors')
      return large ? inPieces(answer) : jsonAnswer(answer)
    },
  }
}

function inPieces({ results, ...rest }: Answer): Response {
  const after = `],${JSON.stringify(rest).slice(1)}`
  return listAnswer(results, { before: '{"results":[', after, write: (result) => JSON.stringify(result) })
}

/** POST …/search/batch. */
export function searchBatchRoute({ kindred, bodies }: Door): Endpoint {
  return {
    route: {
      method: 'post',
      path: '/v1/collections/{c}/search/batch',
      summary: 'Answer several searches at once',
      tags: ['Search'],
      request: { params: z.object({ c: z.string() }), ...jsonBody(SearchBatchBody) },
      responses: answers('An answer each, in their order', SearchAnswers),
    },
    async handle(c) {
      const collection = await kindred.getCollection(pathSegment(c, 3))
      const searches = await readJson(c, bodies, 'searches')
      const found = await collection.searchMany(searches, { signal: c.req.raw.signal })
      return listAnswer(found, {
        before: '{"answers":[',
        after: ']}',
        write: (answer) => JSON.stringify(answer),
      })
    },
  }
}
