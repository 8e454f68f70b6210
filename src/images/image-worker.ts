import { parentPort, workerData } from 'node:worker_threads'
import { EngineError, type PlainError, toPlainError } from '../core/errors.js'
import type {
  FromImageWorker,
  ImageSource,
  ImageTask,
  ImageWorkerInput,
  ToImageWorker,
} from './image-messages.js'
import type { RenderedImage } from './render-image.js'
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
  } else last = last.then(() => answer(message))
})

/** Never throws. */
async function answer(task: ImageTask): Promise<void> {
  if (closing) return
  try {
    if (task.kind === 'render') {
      const rendered = await render(task.image)
      post({ kind: 'done', answer: rendered }, rendered.rendition.bytes)
    } else {
      const { explainFiles } = await import('./explain-files.js')
      const explanation = await explainFiles(task.picture, task.reconstruction)
      post({ kind: 'done', answer: explanation }, explanation.png)
    }
  } catch (error) {
    post({ kind: 'failed', error: plain(error) })
  } finally {
    turn.giveBack()
  }
}

async function render(image: ImageSource): Promise<RenderedImage> {
  const { renderImage, renderPixels } = await import('./render-image.js')
  return image instanceof Uint8Array
    ? renderImage(image, { beforeLarge: () => turn.take() })
    : renderPixels(image)
}

/** @param file whose memory is handed over */
function post(message: FromImageWorker, file?: Uint8Array): void {
  port.postMessage(message, file?.buffer instanceof ArrayBuffer ? [file.buffer] : [])
}

function plain(error: unknown): PlainError {
  const missing = error instanceof Error && /Could not load the "sharp" module/.test(error.message)
  if (!missing) return toPlainError(error)
  const [reason] = error.message.split('\n')
  const message = `the image library sharp cannot be loaded (${reason}); run: npm install --include=optional sharp`
  return toPlainError(new EngineError('NATIVE_ADDON_MISSING', message, { cause: error }))
}
