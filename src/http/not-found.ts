import type { RouteConfig } from '@hono/zod-openapi'
import { EngineError } from '../core/errors.js'

/** Routes of the contract that a later version will answer. */
const LATER: readonly { method: string; path: string }[] = [
  { method: 'GET', path: '/v1/collections/{c}/map' },
  { method: 'GET', path: '/metrics' },
]

/**
 * Says why no route answers: another method is wanted, a later version will, or there is nothing of that name.
 *
 * @param path as it was sent, percent-encoded
 */
export function createNotFound(
  routes: readonly RouteConfig[],
): (method: string, path: string) => EngineError {
  const methods = new Map<string, string[]>()
  for (const { method, path } of routes) {
    const allowed = methods.get(path) ?? []
    allowed.push(method.toUpperCase(), ...(method === 'get' ? ['HEAD'] : []))
    methods.set(path, allowed)
  }
  const patterns = [...methods].map(([path, allow]) => ({ pattern: patternOf(path), allow }))
  const later = LATER.map((route) => ({ ...route, pattern: patternOf(route.path) }))

  return (method, path) => {
    const planned = later.find((route) => route.method === method && route.pattern.test(path))
    if (planned) {
      return new EngineError(
        'UNSUPPORTED',
        `${method} ${planned.path} is not answered by this version of kindred`,
      )
    }
    const allow = [
      ...new Set(patterns.filter(({ pattern }) => pattern.test(path)).flatMap((one) => one.allow)),
    ]
    if (allow.length > 0) {
      return new EngineError(
        'METHOD_NOT_ALLOWED',
        `${method} ${path} is not allowed; use ${allow.join(', ')}`,
        {
          details: { allow },
        },
      )
    }
    return new EngineError(
      'NOT_FOUND',
      `there is nothing at ${method} ${path}; GET /docs lists what there is`,
    )
  }
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`)
}
