import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { openSession, type Runtime } from './onnx-runtime.js'

/** Numbers with their shape. */
export interface NumberTensor {
  data: Float32Array | Uint8Array
  dims: readonly number[]
}

/** An .onnx file that is ready to run. It computes on the thread that calls it, so call it from a worker. */
export class OnnxProgram {
  readonly #runtime: Runtime
  readonly #session: InferenceSession

  private constructor(runtime: Runtime, session: InferenceSession) {
    this.#runtime = runtime
    this.#session = session
  }

  /**
   * @param options.threads of the computation; default: one a core
   * @throws EngineError NATIVE_ADDON_MISSING
   */
  static async create(bytes: Uint8Array, options: { threads?: number } = {}): Promise<OnnxProgram> {
    const { runtime, session } = await openSession(bytes, options)
    return new OnnxProgram(runtime, session)
  }

  /** Names of what goes in. */
  get inputs(): readonly string[] {
    return this.#session.inputNames
  }

  /** Names of what comes out. */
  get outputs(): readonly string[] {
    return this.#session.outputNames
  }

  async run(
    inputs: Readonly<Record<string, NumberTensor>>,
  ): Promise<Record<string, { data: Float32Array; dims: readonly number[] }>> {
    const feeds: Record<string, Tensor> = {}
    for (const [name, { data, dims }] of Object.entries(inputs)) {
      feeds[name] =
        data instanceof Uint8Array
          ? new this.#runtime.Tensor('uint8', inOwnMemory(data), dims)
          : new this.#runtime.Tensor('float32', inOwnMemory(data), dims)
    }
    const found = await this.#session.run(feeds)
    return Object.fromEntries(
      Object.entries(found).map(([name, tensor]) => [
        name,
        { data: tensor.data as Float32Array, dims: tensor.dims },
      ]),
    )
  }

  /** Frees it. Idempotent where nothing runs. */
  async dispose(): Promise<void> {
    await this.#session.release()
  }
}

/** ONNX Runtime does not take memory that threads share. */
function inOwnMemory<T extends Float32Array | Uint8Array>(values: T): T {
  return values.buffer instanceof ArrayBuffer ? values : (values.slice() as T)
}
