import type { Trainer, TrainerOptions } from './trainer.js'

/**
 * Makes a trainer. It computes on the thread that calls it, so call it from a worker.
 *
 * @throws EngineError INVALID_REQUEST, KERNEL_MISSING or UNSUPPORTED where the engine cannot run the model,
 * NATIVE_ADDON_MISSING where the engine is not installed
 */
export async function createTrainer(options: TrainerOptions): Promise<Trainer> {
  if (options.engine === 'tfjs-node') {
    const { TfjsNodeTrainer } = await import('./tfjs-node-trainer.js')
    return TfjsNodeTrainer.create(options)
  }
  const { OnnxTrainer } = await import('./onnx-trainer.js')
  return OnnxTrainer.create(options)
}
