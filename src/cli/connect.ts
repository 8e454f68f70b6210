import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { EngineError } from '../core/errors.js'
import { packageVersion } from '../http/package-version.js'
import { readServerRecord, type ServerRecord } from '../http/server-record.js'
import { Client } from './client.js'

/** An engine to speak to, wherever it runs. */
export interface Connection {
  readonly client: Client
  /** The live server that answers, or undefined where the engine was opened here. */
  readonly server: ServerRecord | undefined
  /** Gives the engine back if it was opened here. Idempotent. */
  close(): Promise<void>
}

/**
 * Reaches the engine of a home: through the server that holds it, or else by opening it in this process, behind the
 * very same HTTP app but without a socket.
 *
 * @param options.encoderThreads for an engine opened here; default: all cores
 * @param options.mustExist whether a home that is missing is refused instead of made; for commands that only look
 * @throws EngineError HOME_LOCKED with the holder's pid, where it holds the home and serves nothing
 * @throws EngineError COLLECTION_NOT_FOUND with `mustExist`
 */
export async function connect(
  home: string,
  { mustExist = false, ...options }: { encoderThreads?: number; mustExist?: boolean } = {},
): Promise<Connection> {
  if (mustExist && !isHome(home)) {
    throw new EngineError(
      'COLLECTION_NOT_FOUND',
      `there are no collections at ${home}: "kindred add NAME PATH" makes one there, --home DIR or KINDRED_HOME names another place`,
    )
  }
  const server = await liveServer(home)
  if (server) return toServer(server)
  try {
    return await openHere(home, options)
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'HOME_LOCKED') throw error
    const started = await liveServer(home)
    if (started) return toServer(started)
    throw error
  }
}

/** Whether a folder holds collections, or did. */
export function isHome(folder: string): boolean {
  return existsSync(join(folder, 'kindred.db'))
}

/**
 * The server of this home, if it answers. A server that was killed leaves its record behind, and another server may
 * listen on its port by now: the record counts only if the very process that wrote it answers there.
 */
export async function liveServer(home: string): Promise<ServerRecord | undefined> {
  const record = await readServerRecord(home)
  if (!record) return undefined
  try {
    const response = await fetch(`${record.url}/v1/health`, { signal: AbortSignal.timeout(3000) })
    const health = (await response.json()) as { pid?: unknown } | null
    return response.ok && health?.pid === record.pid ? record : undefined
  } catch {
    return undefined
  }
}

function toServer(server: ServerRecord): Connection {
  const client = new Client((request) => fetch(request), { base: server.url, token: server.token })
  return { client, server, close: async () => undefined }
}

async function openHere(home: string, options: { encoderThreads?: number }): Promise<Connection> {
  const [kindred, { createApp }, { BodyPool }] = await Promise.all([
    import('../engine/kindred.js').then(({ Kindred }) => Kindred.open({ home, ...options })),
    import('../http/app.js'),
    import('../http/body-pool.js'),
  ])
  const bodies = new BodyPool()
  const app = createApp({ kindred, bodies, version: packageVersion() })
  const client = new Client(async (request) => app.fetch(request), { base: 'http://kindred.local' })
  return {
    client,
    server: undefined,
    async close() {
      await Promise.all([bodies.close(), kindred.close()])
    },
  }
}
