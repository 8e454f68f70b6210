import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface HubRepository {
  sha: string
  /** Files by path; what ends in .onnx, _data or tokenizer.json is large. */
  files: Record<string, Buffer>
  baseModel?: string
}

/** What a test makes the server do to a file, once for each number in the list. */
export interface Mischief {
  /** Ends the connection after so many bytes of the answer. */
  cutAfter?: number[]
  /** Answers so, instead of the file. */
  status?: number[]
  /** Sends the same number of other bytes. */
  altered?: boolean
}

export interface FakeHub {
  endpoint: string
  /** Every request: method, path, and whether a token and a range came with it. */
  requests: { path: string; token: string | undefined; range: string | undefined; host: 'hub' | 'cdn' }[]
  mischief: Record<string, Mischief>
  repositories: Record<string, HubRepository>
}

const isLarge = (path: string): boolean => /\.onnx$|_data$|tokenizer\.json$/.test(path)

/** A server with the layout of the Hugging Face hub; large files are redirected to a second one, as there. */
export async function startHub(repositories: Record<string, HubRepository>): Promise<FakeHub> {
  const hub: FakeHub = { endpoint: '', requests: [], mischief: {}, repositories }
  const note = (request: IncomingMessage, host: 'hub' | 'cdn'): string => {
    const path = decodeURIComponent(request.url ?? '')
    const { authorization: token, range } = request.headers
    hub.requests.push({ path, token, range, host })
    return path
  }
  const cdn = await listen((request, response) => {
    const [, repo = '', file = ''] = /^\/cdn\/([^/]+\/[^/]+)\/(.+)$/.exec(note(request, 'cdn')) ?? []
    send(request, response, { body: repositories[repo]?.files[file], mischief: hub.mischief[file] })
  })
  const main = await listen((request, response) => {
    const path = note(request, 'hub')
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/([^?]+)\?blobs=true$/.exec(path)
    if (api) {
      const repository = repositories[api[1] ?? '']
      const known = repository && ['main', repository.sha].includes(api[2] ?? '')
      response.statusCode = known ? 200 : 404
      response.end(JSON.stringify(known ? describe(repository) : { error: 'Repository not found' }))
      return
    }
    const [, repo = '', sha = '', file = ''] = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path) ?? []
    const repository = repositories[repo]
    const body = repository?.sha === sha ? repository.files[file] : undefined
    if (body && isLarge(file)) {
      response.writeHead(302, { location: `${cdn}/cdn/${repo}/${file}` }).end()
      return
    }
    send(request, response, { body, mischief: hub.mischief[file] })
  })
  hub.endpoint = main
  return hub
}

async function listen(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server: Server = createServer(handler)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function describe({ sha, files, baseModel }: HubRepository): object {
  const siblings = Object.entries(files).map(([rfilename, body]) => {
    const blobId = createHash('sha1').update(`blob ${body.length}\0`).update(body).digest('hex')
    const sha256 = createHash('sha256').update(body).digest('hex')
    const lfs = isLarge(rfilename) ? { sha256, size: body.length, pointerSize: 130 } : undefined
    return { rfilename, size: body.length, blobId, lfs }
  })
  return { sha, siblings, cardData: baseModel ? { base_model: baseModel } : {} }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { body, mischief }: { body: Buffer | undefined; mischief: Mischief | undefined },
): void {
  const status = mischief?.status?.shift()
  if (status !== undefined || body === undefined) {
    response.writeHead(status ?? 404).end('no')
    return
  }
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  if (from > 0 && from >= body.length) {
    response.writeHead(416).end()
    return
  }
  const part = mischief?.altered ? Buffer.alloc(body.length - from, 1) : body.subarray(from)
  const headers: Record<string, string | number> = { 'content-length': part.length }
  if (from > 0) headers['content-range'] = `bytes ${from}-${body.length - 1}/${body.length}`
  response.writeHead(from > 0 ? 206 : 200, headers)
  const cut = mischief?.cutAfter?.shift()
  if (cut === undefined) response.end(part)
  else response.write(part.subarray(0, cut), () => response.destroy())
}
