import { Client } from './client.js'

export interface ServeOptions {
  host: string
  port: number
  token?: string
}

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
    const { host, port, token } = options
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
