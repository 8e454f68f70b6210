import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { EngineError } from '../core/errors.js'
import type { Kindred } from '../engine/kindred.js'
import { createApp } from './app.js'
import { BodyPool } from './body-pool.js'
import { isLoopback } from './security.js'
import { removeServerRecord, type ServerRecord, writeServerRecord } from './server-record.js'

export interface ServerOptions {
  kindred: Kindred
  /** Default: 127.0.0.1, which only this machine reaches. */
  host?: string
  /** 0 takes any free port. Default: 7700. */
  port?: number
  /** Asked of every request but health and the pages. Default: none is asked. */
  token?: string | undefined
}

export interface RunningServer {
  /** For instance `http://127.0.0.1:7700`. */
  readonly url: string
  readonly port: number
  /** Takes no more requests, ends event streams, waits up to 10 seconds for running requests. Idempotent. */
  close(): Promise<void>
}

const CLOSE_MS = 10_000

/**
 * Serves an engine over HTTP, and says so in its home's server.json. The engine stays the caller's to close.
 *
 * @throws EngineError PORT_IN_USE; INVALID_REQUEST for a host or port that cannot be listened on
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { kindred, host = '127.0.0.1', port = 7700, token } = options
  const bodies = new BodyPool()
  const closing = new AbortController()
  const app = createApp({
    kindred,
    token,
    allowedHosts: isLoopback(host) ? ['localhost', '127.0.0.1', '[::1]', bracketed(host)] : undefined,
    bodies,
    closing: closing.signal,
  })
  const server = createAdaptorServer({ fetch: app.fetch, createServer, serverOptions: TIMEOUTS }) as Server
  const silent = silentConnections(server)
  await listen(server, host, port)
  const address = server.address() as AddressInfo
  const url = `http://${reachable(host)}:${address.port}`
  const record: ServerRecord = { url, pid: process.pid, startedAt: new Date().toISOString() }
  if (token !== undefined) record.token = token
  try {
    await writeServerRecord(kindred.home, record)
  } catch (cause) {
    await stop(server, silent)
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new EngineError('HOME_NOT_WRITABLE', `cannot write server.json in ${kindred.home}: ${reason}`, {
      cause,
    })
  }
  // A failure is told by /v1/ready and by the first search.
  kindred.warm().catch(() => {})

  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    closing.abort()
    await stop(server, silent)
    await Promise.all([bodies.close(), removeServerRecord(kindred.home, record)])
  }
  return {
    url,
    port: address.port,
    close() {
      closed ??= close()
      return closed
    },
  }
}

const TIMEOUTS = {
  headersTimeout: 30_000,
  // An NDJSON body may take hours; what reads bodies gives up when nothing comes for a minute.
  requestTimeout: 0,
  // Longer than the minute that proxies and clients keep a quiet connection: they should be the ones to drop it.
  keepAliveTimeout: 65_000,
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'EADDRINUSE') {
      throw new EngineError(
        'PORT_IN_USE',
        `port ${port} of ${host} is in use: stop what listens there, or choose another with --port`,
        { cause, details: { port, host } },
      )
    }
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new EngineError('INVALID_REQUEST', `cannot listen on port ${port} of ${host}: ${reason}`, { cause })
  }
}

/**
 * Connections on which nothing has been asked yet, such as clients open in advance. To Node they are busy, so that closing
 * would wait for them.
 */
function silentConnections(server: Server): ReadonlySet<Socket> {
  const silent = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    silent.add(socket)
    socket.once('close', () => silent.delete(socket))
  })
  server.on('request', ({ socket }) => silent.delete(socket))
  return silent
}

async function stop(server: Server, silent: ReadonlySet<Socket>): Promise<void> {
  const done = once(server, 'close')
  server.close()
  // Connections that are busy now become idle one by one, and would be kept alive.
  const sweep = setInterval(() => {
    server.closeIdleConnections()
    for (const socket of silent) socket.destroy()
  }, 50)
  const deadline = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
  await done
  clearInterval(sweep)
  clearTimeout(deadline)
}

/** How a host that was bound is called from this machine. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::' || host === '[::]') return '[::1]'
  return bracketed(host)
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}
