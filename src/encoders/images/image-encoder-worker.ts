import { parentPort, workerData } from 'node:worker_threads'
import { EngineError, toPlainError } from '../../core/errors.js'
import { decodePixels } from '../../images/decode-pixels.js'
import type { EncoderInput, FromEncoder, ToEncoder } from './encoder-tasks.js'
import { loadComputation } from './load-computation.js'

if (parentPort === null) throw new Error('image-encoder-worker runs as a worker thread')
const port = parentPort
const computation = loadComputation(workerData as EncoderInput)
// whoever asks first is told
computation.catch(() => undefined)
let last = Promise.resolve()

port.on('message', (message: ToEncoder) => {
  last = last.then(() => (message.kind === 'close' ? close() : answer(message)))
})

/** Never throws. */
async function answer(message: Exclude<ToEncoder, { kind: 'close' }>): Promise<void> {
  const { task } = message
  try {
    const { shape, encode, reconstruct } = await computation
    const files = message.kind === 'encode' ? message.images : [message.image]
    const pixels = new Uint8Array(files.length * shape.size * shape.size * shape.channels)
    for (const [index, file] of files.entries()) {
      const decoded = await decodePixels(file, { width: shape.size, height: shape.size, ...shape }).catch(
        (error: unknown) => {
          throw namingImage(error, index)
        },
      )
      pixels.set(decoded.values, index * decoded.values.length)
    }
    if (message.kind === 'encode') {
      post({ kind: 'encoded', task, images: await encode(pixels, files.length) })
    } else post({ kind: 'reconstructed', task, png: await reconstruct(pixels) })
  } catch (error) {
    post({ kind: 'failed', task, error: toPlainError(error) })
  }
}

async function close(): Promise<void> {
  await (await computation.catch(() => undefined))?.dispose()
  port.close()
}

function namingImage(error: unknown, index: number): unknown {
  if (!(error instanceof EngineError)) return error
  return new EngineError(error.code, `image ${index}: ${error.message}`, {
    cause: error,
    details: { ...error.details, index },
  })
}

function post(message: FromEncoder): void {
  port.postMessage(message)
}
