import * as tf from '@tensorflow/tfjs-core'
import '@tensorflow/tfjs-backend-cpu'
import { require as load } from 'tsx/cjs/api'
import { seededRandom } from '#src/core/random.js'
import { recordInference } from '#src/tensor/inference-program.js'
import { OnnxProgram } from '#src/tensor/onnx-program.js'

/** Numbers in the order of rows, with their shape. */
export interface Values {
  shape: number[]
  data: Float32Array
}

export type Computation = (...inputs: tf.Tensor[]) => tf.Tensor[]

/** Uniform numbers in [low, high). */
export function randomValues(shape: number[], seed: number, [low, high] = [-1, 1]): Values {
  const random = seededRandom(seed)
  const size = shape.reduce((product, dim) => product * dim, 1)
  return {
    shape,
    data: Float32Array.from(
      { length: size },
      () => (low ?? -1) + ((high ?? 1) - (low ?? -1)) * random.uniform(),
    ),
  }
}

/** What tfjs's own cpu backend makes of the inputs, with tfjs's own gradients. */
export async function eager(inputs: readonly Values[], compute: Computation): Promise<Float32Array[]> {
  await useOwnTfjs()
  const found = tf.tidy(() =>
    compute(...inputs.map(({ data, shape }) => tf.tensor(data, shape))).map((y) => tf.cast(y, 'float32')),
  )
  return found.map((y) => {
    const data = y.dataSync() as Float32Array
    y.dispose()
    return data
  })
}

/** What ONNX Runtime makes of the inputs, once the computation is recorded. */
export async function recorded(inputs: readonly Values[], compute: Computation): Promise<Float32Array[]> {
  const name = (at: number) => `input${at}`
  const bytes = recordInference({
    build: () => ({ weights: new Map() }),
    weights: {},
    inputs: Object.fromEntries(inputs.map(({ shape }, at) => [name(at), shape as [number, ...number[]]])),
    outputs: (_model, given) =>
      Object.fromEntries(
        compute(...inputs.map((_, at) => given[name(at)] as tf.Tensor)).map((y, at) => [
          `output${at}`,
          tf.cast(y, 'float32'),
        ]),
      ),
  })
  const program = await OnnxProgram.create(bytes, { threads: 1 })
  try {
    const wanted = new Set(program.inputs)
    const feeds = Object.fromEntries(
      inputs
        .map(({ data, shape }, at) => [name(at), { data, dims: shape }] as const)
        .filter(([key]) => wanted.has(key)),
    )
    const found = await program.run(feeds)
    return program.outputs.map((key) => found[key]?.data ?? new Float32Array())
  } finally {
    await program.dispose()
  }
}

let ready = false

/** Puts tfjs on its cpu backend, with its own gradients: it registers them in a file that Node cannot load by itself. */
export async function useOwnTfjs(): Promise<void> {
  if (!ready) load('@tensorflow/tfjs-core/dist/register_all_gradients.js', import.meta.url)
  ready = true
  await tf.setBackend('cpu')
}

/** The largest difference of two lists, each measured against the larger of 1 and the number itself. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let worst = 0
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0]
    if (Object.is(x, y) || x === y) continue
    const off = Math.abs(x - y) / Math.max(1, Math.abs(y))
    worst = Number.isNaN(off) ? Number.POSITIVE_INFINITY : Math.max(worst, off)
  }
  return worst
}
