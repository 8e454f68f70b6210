import type { Job } from '../core/jobs.js'

/** The id of a job's last event: a browser that comes back with it is told to stay away (204). */
export const LAST_EVENT_ID = 'last'

const HEARTBEAT_MS = 15_000
const encoder = new TextEncoder()

/**
 * A job's states as server-sent events, ending after the final one, when the client goes, or when the server closes.
 * A comment every 15 seconds keeps connections alive that would be cut for silence.
 */
export function jobEvents(
  watch: (signal: AbortSignal) => AsyncIterableIterator<Job>,
  closing: AbortSignal,
): Response {
  const watching = new AbortController()
  const iterator = watch(watching.signal)
  let ended = false
  let heartbeat: NodeJS.Timeout | undefined
  let onClosing: (() => void) | undefined
  const end = (): void => {
    ended = true
    clearInterval(heartbeat)
    if (onClosing) closing.removeEventListener('abort', onClosing)
    watching.abort()
  }
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      heartbeat = setInterval(() => controller.enqueue(encoder.encode(':\n\n')), HEARTBEAT_MS)
      heartbeat.unref()
      onClosing = () => {
        if (ended) return
        end()
        controller.close()
      }
      if (closing.aborted) onClosing()
      else closing.addEventListener('abort', onClosing, { once: true })
    },
    async pull(controller) {
      const { done, value } = await iterator.next()
      if (ended) return
      if (done) {
        end()
        controller.close()
        return
      }
      const last = value.state !== 'running'
      controller.enqueue(
        encoder.encode(`${last ? `id: ${LAST_EVENT_ID}\n` : ''}data: ${JSON.stringify(value)}\n\n`),
      )
    },
    cancel: end,
  })
  const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' }
  return new Response(body, { headers })
}
