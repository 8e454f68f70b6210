import type { OpenAPIHono } from '@hono/zod-openapi'
import { z } from '@hono/zod-openapi'
import { docsPage } from '../docs-page.js'
import { answers, type Door, type Endpoint } from '../endpoint.js'
import { jsonAnswer } from '../json-answer.js'
import { htmlAnswer, startPage } from '../start-page.js'

const tags = ['Server']
const html = {
  200: { description: 'A page', content: { 'text/html': { schema: z.string() } } },
}

/**
 * GET /, /docs and /openapi.json: pages without a word of the user's in them, so that no token is asked; the start
 * page must come before it can ask for one.
 */
export function documentRoutes({ version }: Door, app: OpenAPIHono): Endpoint[] {
  let document: ReturnType<typeof describe> | undefined
  const describe = () =>
    app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: {
        title: 'kindred',
        version,
        description:
          'Semantic search over texts and pictures. Errors are `{ "error": { "code", "message" } }`.',
        license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
      },
      servers: [{ url: '/' }],
    })
  const documented = () => {
    document ??= describe()
    return document
  }
  return [
    {
      access: 'open',
      route: {
        method: 'get',
        path: '/openapi.json',
        summary: 'This document, OpenAPI 3.1',
        tags,
        responses: answers('The document', z.object({}).openapi({ additionalProperties: true })),
      },
      handle: () => jsonAnswer(documented()),
    },
    {
      access: 'open',
      route: { method: 'get', path: '/docs', summary: 'This document as a page', tags, responses: html },
      handle: () => htmlAnswer(docsPage(documented())),
    },
    {
      access: 'open',
      route: { method: 'get', path: '/', summary: 'A page to search with', tags, responses: html },
      handle: () => htmlAnswer(startPage()),
    },
  ]
}
