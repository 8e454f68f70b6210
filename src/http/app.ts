import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Kindred } from '../engine/kindred.js'
import { BodyPool } from './body-pool.js'
import { type Door, type Endpoint, rawPath } from './endpoint.js'
import { errorResponse } from './errors.js'
import { createNotFound } from './not-found.js'
import { packageVersion } from './package-version.js'
import { collectionRoutes } from './routes/collection-routes.js'
import { documentRoutes } from './routes/document-routes.js'
import { duplicateRoutes } from './routes/duplicate-routes.js'
import { encoderRoutes } from './routes/encoder-routes.js'
import { imageRoutes } from './routes/image-routes.js'
import { itemRoutes } from './routes/item-routes.js'
import { jobRoutes } from './routes/job-routes.js'
import { outlierRoutes } from './routes/outlier-routes.js'
import { searchBatchRoute, searchRoute } from './routes/search-route.js'
import { spaceRoutes } from './routes/space-routes.js'
import { systemRoutes } from './routes/system-routes.js'
import { trainRoutes } from './routes/train-routes.js'
import { createGuard } from './security.js'

export interface AppOptions {
  kindred: Kindred
  /** What /v1/health and the documents tell. Default: the package's. */
  version?: string
  /** Asked of every request but health and the pages. Default: none is asked. */
  token?: string | undefined
  /** Host names, without port, under which requests are taken. Default: any. */
  allowedHosts?: readonly string[] | undefined
  /** Where bodies are read. Default: one of its own, whose thread does not keep the process alive. */
  bodies?: BodyPool
  /** Ends event streams when it aborts. */
  closing?: AbortSignal
}

/**
 * The HTTP API over an open engine: for a server, or without one through its `fetch`.
 *
 * Each route is one handler of Hono's, with no middleware around it: that keeps the way to an answer short.
 */
export function createApp(options: AppOptions): OpenAPIHono {
  const { kindred, version = packageVersion(), token, allowedHosts } = options
  const door: Door = {
    kindred,
    version,
    bodies: options.bodies ?? new BodyPool(),
    closing: options.closing ?? new AbortController().signal,
  }
  const guard = createGuard({ token, allowedHosts })
  const app = new OpenAPIHono({ getPath: rawPath })
  const endpoints: Endpoint[] = [
    ...systemRoutes(door),
    ...collectionRoutes(door),
    ...itemRoutes(door),
    ...imageRoutes(door),
    searchRoute(door),
    searchBatchRoute(door),
    ...trainRoutes(door),
    ...outlierRoutes(door),
    ...duplicateRoutes(door),
    ...spaceRoutes(door),
    ...jobRoutes(door),
    ...encoderRoutes(door),
    ...documentRoutes(door, app),
  ]
  const guarded =
    ({ access = 'token', handle }: Endpoint) =>
    async (c: Context): Promise<Response> => {
      guard(c.req.raw, access)
      return handle(c)
    }
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'Where the server was started with a token',
  })
  for (const endpoint of endpoints) {
    const { method, path } = endpoint.route
    const security: Record<string, string[]>[] = endpoint.access === 'open' ? [] : [{}, { token: [] }]
    app.openAPIRegistry.registerPath({ ...endpoint.route, security })
    app.on(method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, ':$1'), guarded(endpoint))
  }
  const notFound = createNotFound(endpoints.map(({ route }) => route))
  app.notFound((c) => {
    guard(c.req.raw, 'token')
    throw notFound(c.req.method, c.req.path)
  })
  app.onError((error) => errorResponse(error))
  return app
}
