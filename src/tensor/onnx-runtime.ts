import type { InferenceSession } from 'onnxruntime-node'
import { EngineError } from '../core/errors.js'

/** ONNX Runtime's module. */
export type Runtime = typeof import('onnxruntime-node')

/** The package that carries the addon. */
const RUNTIME = 'onnxruntime-node'

/** Loads the native addon. @throws EngineError NATIVE_ADDON_MISSING, naming the command to run */
export async function loadRuntime(): Promise<Runtime> {
  try {
    const loaded = (await import('onnxruntime-node')) as Runtime & { default?: Runtime }
    return loaded.InferenceSession ? loaded : (loaded.default ?? loaded)
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0]
    throw new EngineError(
      'NATIVE_ADDON_MISSING',
      `the native addon of ${RUNTIME} cannot be loaded on ${process.platform} ${process.arch}, Node ${process.version} (${reason}). ` +
        `Delete node_modules/${RUNTIME} and run: ONNXRUNTIME_NODE_INSTALL=skip npm install`,
      { cause: error },
    )
  }
}

/**
 * How long a thread that has nothing to do looks for work before it sleeps. By itself ONNX Runtime looks for a
 * millisecond or more, which takes the cores from whatever else runs, and on busy cores costs more than half of the
 * speed: threads look while the one that they wait for has no core.
 */
const SPIN_MICROSECONDS = 20

/** Makes a session that computes on as many threads as it is told; errors only are logged. */
export async function openSession(
  bytes: Uint8Array,
  options: { threads?: number | undefined } = {},
): Promise<{ runtime: Runtime; session: InferenceSession }> {
  const runtime = await loadRuntime()
  const session = await runtime.InferenceSession.create(bytes, {
    logSeverityLevel: 3,
    extra: { session: { intra_op: { spin_duration_us: String(SPIN_MICROSECONDS) } } },
    ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
  })
  return { runtime, session }
}
