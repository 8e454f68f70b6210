import * as tf from '@tensorflow/tfjs-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { GRADIENTS } from '#src/tensor/gradients/gradients.js'
import { KERNELS } from '#src/tensor/kernels/kernels.js'
import { KERNEL_CASES, type KernelCase } from './kernel-cases.js'
import { difference, eager, randomValues, recorded, type Values } from './recorded.js'

const ROOM = 1e-5

/** The output, then the gradients of all inputs for a given gradient of the output. */
const withGradients =
  ({ compute }: KernelCase, dy: Values) =>
  (...inputs: tf.Tensor[]): tf.Tensor[] => {
    const { grads, value } = tf.valueAndGrads(compute)(inputs, tf.tensor(dy.data, dy.shape))
    return [value, ...grads]
  }

/** What each output of a linear computation changes by when an input number grows by 1, times dy, summed. */
async function linearGradient(kernelCase: KernelCase, input: Values, dy: Values): Promise<Float32Array> {
  const zero = { shape: input.shape, data: new Float32Array(input.data.length) }
  const gradient = new Float32Array(input.data.length)
  for (let at = 0; at < gradient.length; at++) {
    const data = zero.data.slice()
    data[at] = 1
    const [moved = new Float32Array()] = await eager([{ shape: input.shape, data }], (x) => [
      kernelCase.compute(x as tf.Tensor),
    ])
    gradient[at] = moved.reduce((sum, y, i) => sum + y * (dy.data[i] ?? 0), 0)
  }
  return gradient
}

const FILTER = (): tf.Tensor4D => tf.ones([2, 2, 3, 2])

describe('recorded kernels', () => {
  const called = new Set<string>()
  const differentiated = new Set<object>()

  beforeAll(() => {
    const engine = tf.engine()
    const runKernel = engine.runKernel.bind(engine)
    vi.spyOn(engine, 'runKernel').mockImplementation((...call: Parameters<typeof runKernel>) => {
      if (tf.engine().backendName !== 'cpu') called.add(call[0])
      return runKernel(...call)
    })
    for (const gradient of new Set(Object.values(GRADIENTS))) {
      const { gradFunc } = gradient
      vi.spyOn(gradient, 'gradFunc').mockImplementation((...call: Parameters<typeof gradFunc>) => {
        differentiated.add(gradient)
        return gradFunc(...call)
      })
    }
  })

  afterAll(() => {
    vi.restoreAllMocks()
  })

  it.each(KERNEL_CASES)(
    "$name gives what tfjs's cpu backend gives, and its gradients",
    async (kernelCase) => {
      const inputs = kernelCase.inputs.map((shape, at) => randomValues(shape, 7 + at, kernelCase.range))
      const compute = (...xs: tf.Tensor[]) => [kernelCase.compute(...xs)]
      const [y = new Float32Array()] = await eager(inputs, compute)
      if (kernelCase.gradient === 'none') {
        const [found = []] = await recorded(inputs, compute)
        expect(difference(found, y)).toBeLessThan(ROOM)
        return
      }
      const shape = tf.tidy(() => kernelCase.compute(...inputs.map((x) => tf.tensor(x.data, x.shape))).shape)
      const dy = randomValues(shape, 3)
      const found = await recorded(inputs, withGradients(kernelCase, dy))
      const expected =
        kernelCase.gradient === 'linear'
          ? [y, await linearGradient(kernelCase, inputs[0] ?? dy, dy)]
          : await eager(inputs, withGradients(kernelCase, dy))
      expect(found).toHaveLength(expected.length)
      found.forEach((values, at) => {
        expect(difference(values, expected[at] ?? [])).toBeLessThan(ROOM)
      })
    },
  )

  it('are all among the cases', () => {
    expect(Object.keys(KERNELS).filter((name) => !called.has(name))).toEqual([])
  })

  it('are all differentiated among the cases where they have a gradient', () => {
    const missing = Object.entries(GRADIENTS).filter(([, gradient]) => !differentiated.has(gradient))
    expect(missing.map(([name]) => name)).toEqual([])
  })

  it.each([
    { name: 'Atan2', compute: (x: tf.Tensor) => tf.atan2(x, tf.onesLike(x)) },
    { name: 'Conv2D', compute: (x: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, FILTER(), 1, 'same', 'NCHW') },
    {
      name: 'gradient of the tfjs kernel Conv2D',
      compute: tf.grad((x: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, FILTER(), 1, 'same', 'NHWC', 2)),
    },
    { name: 'Cumsum', compute: tf.grad((x: tf.Tensor) => tf.cumsum(x)) },
  ])('that are missing are named: $name', async ({ name, compute }) => {
    const image = randomValues([1, 3, 3, 3], 1)
    await expect(recorded([image], (x) => [compute(x as tf.Tensor)])).rejects.toMatchObject({
      code: 'KERNEL_MISSING',
      message: expect.stringContaining(
        name.startsWith('gradient of the tfjs kernel Cumsum') ? 'Cumsum' : name,
      ),
    })
  })
})
