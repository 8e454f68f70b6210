import type { InferenceSession } from 'onnxruntime-node'
import { EngineError } from '../core/errors.js'

/** ONNX Runtime's module. */
export type Runtime = typeof import('onnxruntime-node')

/** The package that carries the addon. */
const RUNTIME = 'onnxruntime-node'

/** Microseconds that a thread waits for more work before it sleeps. */
const SPIN = 50

/** Parts of a node's work, that shrink towards its end, a thread: one that wakes late takes less. */
const BLOCKS = '4'

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
 * Makes a session that computes on as many threads as it is told; errors only are logged.
 *
 * Its threads wait for the next node in a loop for {@link SPIN} microseconds and then sleep; ONNX Runtime's default is much
 * longer. On two cores that had nothing else to do, training was a tenth slower for it; where another process or the
 * thread that answers requests wanted a core, about twice as fast.
 */
export async function openSession(
  bytes: Uint8Array,
  options: { threads?: number | undefined } = {},
): Promise<{ runtime: Runtime; session: InferenceSession }> {
  const runtime = await loadRuntime()
  const session = await runtime.InferenceSession.create(bytes, {
    logSeverityLevel: 3,
    extra: { session: { intra_op: { spin_duration_us: String(SPIN) }, dynamic_block_base: BLOCKS } },
    ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
  })
  return { runtime, session }
}
