import { parentPort, workerData } from 'node:worker_threads'
import { EngineError, type PlainError, toPlainError } from '../core/errors.js'
import type { FromImageWorker, ImageWorkerInput, ToImageWorker } from './image-messages.js'
import { Turn } from './turn.js'

if (parentPort === null) throw new Error('image-worker runs as a worker thread')
const port = parentPort
const input = workerData as ImageWorkerInput
const turn = new Turn(input.turn, input.number)
let closing = false
let last = Promise.resolve()

port.on('message', (message: ToImageWorker) => {
  if (message.kind === 'close') {
    closing = true
    last.then(() => port.close())
  } else last = last.then(() => answer(message.image))
})

/** Never throws. */
async function answer(image: Extract<ToImageWorker, { kind: 'render' }>['image']): Promise<void> {
  if (closing) return
  try {
    const { renderImage, renderPixels } = await import('./render-image.js')
    const rendered = await (image instanceof Uint8Array
      ? renderImage(image, { beforeLarge: () => turn.take() })
      : renderPixels(image))
    const { buffer } = rendered.rendition.bytes
    post({ kind: 'done', rendered }, buffer instanceof ArrayBuffer ? [buffer] : [])
  } catch (error) {
    post({ kind: 'failed', error: plain(error) })
  } finally {
    turn.giveBack()
  }
}

function post(message: FromImageWorker, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer)
}

function plain(error: unknown): PlainError {
  const missing = error instanceof Error && /Could not load the "sharp" module/.test(error.message)
  if (!missing) return toPlainError(error)
  const [reason] = error.message.split('\n')
  const message = `the image library sharp cannot be loaded (${reason}); run: npm install --include=optional sharp`
  return toPlainError(new EngineError('NATIVE_ADDON_MISSING', message, { cause: error }))
}
