import { EngineError, toPlainError } from '../../core/errors.js'
import { HealthAnswer, ReadyAnswer } from '../answer-schemas.js'
import { answers, type Door, type Endpoint } from '../endpoint.js'
import { HTTP_STATUS } from '../errors.js'
import { jsonAnswer } from '../json-answer.js'

const tags = ['Server']

/** GET /v1/health: the process answers. GET /v1/ready: the default encoder is loaded, too. */
export function systemRoutes({ kindred, version }: Door): Endpoint[] {
  const warm = warmth(() => kindred.warm())
  return [
    {
      access: 'open',
      route: {
        method: 'get',
        path: '/v1/health',
        summary: 'Whether the server is alive',
        tags,
        responses: answers('It is', HealthAnswer),
      },
      handle: () => jsonAnswer({ status: 'ok', version, pid: process.pid }),
    },
    {
      route: {
        method: 'get',
        path: '/v1/ready',
        summary: 'Whether the first search would be answered at once; 503 until then',
        tags,
        responses: answers('It would', ReadyAnswer),
      },
      handle() {
        const state = warm()
        if (state === 'warm') return jsonAnswer({ ready: true, encoder: kindred.encoders.defaultName() })
        throw state
      },
    },
  ]
}

/** Starts loading when first asked, and again after a failure; until it is done it gives the reason why not. */
function warmth(load: () => Promise<void>): () => 'warm' | EngineError {
  const loading = new EngineError('BUSY', 'the default encoder is being loaded; try again in a moment')
  let state: 'cold' | 'warm' | EngineError = 'cold'
  return () => {
    if (state === 'warm' || state === loading) return state
    const failure = state === 'cold' ? loading : state
    state = loading
    load().then(
      () => {
        state = 'warm'
      },
      (cause: unknown) => {
        const { code, message } = toPlainError(cause)
        const unavailable = HTTP_STATUS[code] === 503 ? code : 'BUSY'
        state = new EngineError(unavailable, `the default encoder cannot be loaded (${code}): ${message}`, {
          cause,
        })
      },
    )
    return failure
  }
}
