import { workerData } from 'node:worker_threads'
import { answerCalls } from '../../core/answer-calls.js'
import { EngineError } from '../../core/errors.js'
import type { EncodedImage } from '../../core/image-encoder.js'
import { decodePixels } from '../../images/decode-pixels.js'
import type { EncoderInput, EncoderTask } from './encoder-tasks.js'
import { loadComputation } from './load-computation.js'

const computation = loadComputation(workerData as EncoderInput)
// whoever asks first is told
computation.catch(() => undefined)

answerCalls(answer, {
  close: async () => (await computation.catch(() => undefined))?.dispose(),
})

async function answer(task: EncoderTask): Promise<EncodedImage[] | Uint8Array> {
  const { shape, encode, reconstruct } = await computation
  const files = task.kind === 'encode' ? task.images : [task.image]
  const pixels = new Uint8Array(files.length * shape.size * shape.size * shape.channels)
  for (const [index, file] of files.entries()) {
    const decoded = await decodePixels(file, { width: shape.size, height: shape.size, ...shape }).catch(
      (error: unknown) => {
        throw namingImage(error, index)
      },
    )
    pixels.set(decoded.values, index * decoded.values.length)
  }
  return task.kind === 'encode' ? encode(pixels, files.length) : reconstruct(pixels)
}

function namingImage(error: unknown, index: number): unknown {
  if (!(error instanceof EngineError)) return error
  return new EngineError(error.code, `image ${index}: ${error.message}`, {
    cause: error,
    details: { ...error.details, index },
  })
}
