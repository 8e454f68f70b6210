import * as tf from '@tensorflow/tfjs-core'
import { EngineError } from '../core/errors.js'
import { GRADIENTS } from './gradients/gradients.js'
import type { Dtype } from './graph-recorder.js'
import { KERNELS } from './kernels/kernels.js'
import { missingKernel } from './missing-kernel.js'
import { Recording } from './recording.js'

/** How tfjs calls the backend. */
const BACKEND = 'kindred-onnx'

/**
 * A backend of tfjs that computes nothing: it writes each kernel down in the {@link Recording} that is under way.
 * tfjs's automatic differentiation works on top of it unknowingly.
 */
class RecordingBackend extends tf.KernelBackend {
  #recording = new Recording()
  #references = new WeakMap<tf.DataId, number>()
  #count = 0

  get recording(): Recording {
    return this.#recording
  }

  use(recording: Recording): void {
    this.#recording = recording
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    const dataId = {}
    this.move(dataId, values, shape, dtype)
    return dataId
  }

  override move(dataId: tf.DataId, values: tf.BackendValues, shape: number[], dtype: tf.DataType): void {
    if (!isNumbers(values) || !isDtype(dtype)) {
      throw new EngineError('UNSUPPORTED', `a tensor of ${dtype} cannot be recorded as ONNX`)
    }
    this.#count++
    this.#references.set(dataId, 1)
    this.#recording.write(dataId, values, shape)
  }

  override incRef(dataId: tf.DataId): void {
    this.#references.set(dataId, this.refCount(dataId) + 1)
  }

  override refCount(dataId: tf.DataId): number {
    return this.#references.get(dataId) ?? 1
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    const left = this.refCount(dataId) - 1
    this.#references.set(dataId, left)
    if (left > 0 && !force) return false
    this.#references.delete(dataId)
    this.#count--
    return true
  }

  override numDataIds(): number {
    return this.#count
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: true }
  }

  override floatPrecision(): 32 {
    return 32
  }

  override timerAvailable(): boolean {
    return false
  }

  override readSync(dataId: tf.DataId): tf.BackendValues {
    const known = this.#recording.written(dataId)
    if (known) return Float32Array.from(known)
    throw new EngineError(
      'UNSUPPORTED',
      'a model reads the numbers of a tensor while it is recorded; they are not there yet',
    )
  }

  override async read(dataId: tf.DataId): Promise<tf.BackendValues> {
    return this.readSync(dataId)
  }

  override dispose(): void {}
}

function isNumbers(values: tf.BackendValues): values is Float32Array | Int32Array | Uint8Array {
  return !Array.isArray(values) || typeof values[0] !== 'object'
}

function isDtype(dtype: tf.DataType): dtype is Dtype {
  return dtype === 'float32' || dtype === 'int32' || dtype === 'bool'
}

let instance: RecordingBackend | undefined

/** Registers backend and kernels with tfjs at the first call. */
function recordingBackend(): RecordingBackend {
  if (instance) return instance
  const backend = new RecordingBackend()
  tf.registerBackend(BACKEND, () => backend, 0)
  for (const [kernelName, record] of Object.entries(KERNELS)) {
    tf.registerKernel({
      kernelName,
      backendName: BACKEND,
      kernelFunc: ({ inputs, attrs }) => record(inputs, attrs ?? {}, backend.recording),
    })
  }
  instance = backend
  return backend
}

/**
 * Runs `compute` with tfjs's backend replaced by one that records into `recording`, and its gradients by ours. All
 * tensors made meanwhile are disposed of, variables stay. What tfjs used before is back afterwards.
 *
 * @throws EngineError KERNEL_MISSING where a kernel or a gradient has no ONNX form, UNSUPPORTED where the model does
 * something else that cannot be recorded
 */
export function record<Result>(recording: Recording, compute: () => Result): Result {
  const backend = recordingBackend()
  const outer = backend.recording
  const previous = tf.engine().backendName
  const gradients = Object.entries(GRADIENTS).map(([kernelName, gradient]) => {
    const before = tf.getGradient(kernelName)
    tf.registerGradient({ kernelName, ...gradient })
    return { kernelName, before }
  })
  backend.use(recording)
  // Both of them are in place when the call returns: only backends that start asynchronously are waited for.
  void tf.setBackend(BACKEND)
  let result: Result | undefined
  try {
    tf.tidy(() => {
      result = compute()
    })
    return result as Result
  } catch (error) {
    throw missingKernel(error, 'cannot be recorded as ONNX yet') ?? error
  } finally {
    backend.use(outer)
    for (const { kernelName, before } of gradients) {
      if (before) tf.registerGradient(before)
      else tf.unregisterGradient(kernelName)
    }
    if (previous && previous !== BACKEND) void tf.setBackend(previous)
  }
}
