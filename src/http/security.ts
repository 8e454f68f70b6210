import { createHash, timingSafeEqual } from 'node:crypto'
import { EngineError } from '../core/errors.js'

export interface GuardOptions {
  /** What must follow `Authorization: Bearer`; without it nothing is asked. */
  token?: string | undefined
  /** Host names, without port, under which requests are taken; without it any. */
  allowedHosts?: readonly string[] | undefined
}

/** Lets a request through or throws. @throws EngineError FORBIDDEN, UNAUTHORIZED */
export type Guard = (request: Request, access: 'open' | 'token') => void

/**
 * Makes the check that stands before every request: its host name, which defends a server on the loopback address
 * against web pages whose name was made to point there (DNS rebinding), and its token.
 */
export function createGuard({ token, allowedHosts }: GuardOptions): Guard {
  const hosts = allowedHosts && new Set(allowedHosts.map((host) => host.toLowerCase()))
  const expected = token === undefined ? undefined : digest(`Bearer ${token}`)
  return ({ headers }, access) => {
    if (hosts) {
      const host = headers.get('host') ?? ''
      const name = host.replace(/:\d+$/, '').toLowerCase()
      if (!hosts.has(name)) {
        throw new EngineError(
          'FORBIDDEN',
          `this server answers under ${[...hosts].join(', ')}, not under "${host}"; to serve other names, bind another address and set a token`,
        )
      }
    }
    if (expected && access === 'token') {
      const given = headers.get('authorization')
      if (given === null || !timingSafeEqual(digest(given.replace(/^bearer /i, 'Bearer ')), expected)) {
        throw new EngineError(
          'UNAUTHORIZED',
          given === null
            ? 'this server asks for a token: send "Authorization: Bearer TOKEN"'
            : 'the token is not the one of this server',
        )
      }
    }
  }
}

/** Hashing makes both sides equally long, so that comparing them tells nothing about either. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Whether an address or name is of this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
}
