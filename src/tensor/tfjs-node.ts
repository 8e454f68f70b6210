import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import type * as tf from '@tensorflow/tfjs-core'
import { EngineError } from '../core/errors.js'

/** The package that carries TensorFlow; it is not installed unless the user does. */
const PACKAGE = '@tensorflow/tfjs-node'

/** Names a folder to load the package from, and from nowhere else: one that holds it under node_modules. */
const FOLDER_VARIABLE = 'KINDRED_TFJS_NODE'

/** How tfjs-node calls its backend. */
const TFJS_NODE_BACKEND = 'tensorflow'

type Tfjs = typeof tf

/**
 * Loads tfjs-node from the folder that KINDRED_TFJS_NODE names; where it names none, from where this package is
 * installed, or else from the current folder's project. It works in worker threads, each with a TensorFlow of its own.
 *
 * @throws EngineError NATIVE_ADDON_MISSING, naming the command to run
 */
export function loadTfjsNode(): Tfjs {
  // TensorFlow greets on stderr
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'
  const folder = process.env[FOLDER_VARIABLE]
  const bases = folder
    ? [join(resolve(folder), 'package.json')]
    : [import.meta.url, join(process.cwd(), 'package.json')]
  for (const base of bases) {
    const require = createRequire(base)
    let path: string
    try {
      path = require.resolve(PACKAGE)
    } catch {
      continue
    }
    return checked(() => require(path) as Tfjs)
  }
  const where = folder
    ? `not in ${folder}${existsSync(folder) ? '' : ', which does not exist'} (${FOLDER_VARIABLE})`
    : 'not installed'
  throw missing(`it is ${where}`)
}

/** Loads it and computes something, for some faults show only then. */
function checked(load: () => Tfjs): Tfjs {
  try {
    const tfjs = load()
    const sum = onTfjsNode(tfjs, () => tfjs.tidy(() => tfjs.sum(tfjs.tensor([1, 2])).dataSync()))
    if (sum[0] !== 3) throw new Error(`1 + 2 came to ${sum[0]}`)
    return tfjs
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0]
    throw missing(`it cannot be loaded on ${process.platform} ${process.arch} (${reason})`, error)
  }
}

/** Computes something on tfjs-node's backend. All copies of tfjs share one choice of backend; it is put back. */
export function onTfjsNode<Result>(tfjs: Tfjs, compute: () => Result): Result {
  const previous = tfjs.engine().backendName
  // It is in place when the call returns: only backends that start asynchronously are waited for.
  void tfjs.setBackend(TFJS_NODE_BACKEND)
  try {
    return compute()
  } finally {
    if (previous && previous !== TFJS_NODE_BACKEND) void tfjs.setBackend(previous)
  }
}

function missing(reason: string, cause?: unknown): EngineError {
  const [major = 0] = process.versions.node.split('.').map(Number)
  // its version 4.22 calls util.isNullOrUndefined, which Node 23 removed
  const runs =
    major >= 23 ? `; this is Node ${process.version}, version 4.22 of it needs Node 22 or older` : ''
  return new EngineError(
    'NATIVE_ADDON_MISSING',
    `engine "tfjs-node" needs the package ${PACKAGE}: ${reason}${runs}. ` +
      `Run: npm install ${PACKAGE} (Node 22 or older), or train with engine "onnx", which is there always`,
    cause === undefined ? {} : { cause },
  )
}
