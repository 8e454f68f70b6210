import { Client } from './client.js'

export interface ServeOptions {
  host: string
  port: number
  /** What whoever asks must show. Default: $KINDRED_TOKEN; else nothing is asked. */
  token?: string
}

export const TOKEN_HELP = 'ask for this token (default: $KINDRED_TOKEN, else none)'

/** An engine that is opened and served. */
export interface ServedHome {
  readonly url: string
  readonly client: Client
  /** Ends the server, then the engine. */
  close(): Promise<void>
}

/** @throws EngineError HOME_LOCKED, PORT_IN_USE, … */
export async function openServer(home: string, options: ServeOptions): Promise<ServedHome> {
  const [{ Kindred }, { startServer }] = await Promise.all([
    import('../engine/kindred.js'),
    import('../http/server.js'),
  ])
  const kindred = await Kindred.open({ home })
  try {
    const { host, port, token = process.env.KINDRED_TOKEN || undefined } = options
    const server = await startServer({ kindred, host, port, token })
    return {
      url: server.url,
      client: new Client((request) => fetch(request), { base: server.url, token }),
      async close() {
        await server.close()
        await kindred.close()
      },
    }
  } catch (error) {
    await kindred.close()
    throw error
  }
}
