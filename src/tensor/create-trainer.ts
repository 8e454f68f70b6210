import { OnnxTrainer } from './onnx-trainer.js'
import type { Trainer, TrainerOptions } from './trainer.js'

/**
 * Makes a trainer. It computes on the thread that calls it, so call it from a worker.
 *
 * @throws EngineError INVALID_REQUEST, KERNEL_MISSING or UNSUPPORTED where the engine cannot run the model,
 * NATIVE_ADDON_MISSING where the engine is not installed
 */
export async function createTrainer(options: TrainerOptions): Promise<Trainer> {
  return OnnxTrainer.create(options)
}
