import { workerData } from 'node:worker_threads'
import { answerCalls } from '../core/answer-calls.js'
import { EngineError } from '../core/errors.js'
import type { ImageAnswer, ImageSource, ImageTask, ImageWorkerInput } from './image-messages.js'
import type { RenderedImage } from './render-image.js'
import { Turn } from './turn.js'

const input = workerData as ImageWorkerInput
const turn = new Turn(input.turn, input.number)

answerCalls(answer, {
  failure,
  transfer: (made) => memoryOf('png' in made ? made.png : made.rendition.bytes),
})

async function answer(task: ImageTask): Promise<ImageAnswer> {
  try {
    if (task.kind === 'render') return await render(task.image)
    const { explainFiles } = await import('./explain-files.js')
    return await explainFiles(task.picture, task.reconstruction)
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

function memoryOf({ buffer }: Uint8Array): ArrayBuffer[] {
  return buffer instanceof ArrayBuffer ? [buffer] : []
}

function failure(error: unknown): unknown {
  const missing = error instanceof Error && /Could not load the "sharp" module/.test(error.message)
  if (!missing) return error
  const [reason] = error.message.split('\n')
  const message = `the image library sharp cannot be loaded (${reason}); run: npm install --include=optional sharp`
  return new EngineError('NATIVE_ADDON_MISSING', message, { cause: error })
}
