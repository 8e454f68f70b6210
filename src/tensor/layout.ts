import type { TensorInfo } from '@tensorflow/tfjs-core'

/**
 * The number that stands for a batch of any size while a graph with a free first dimension is recorded: a prime that no
 * layer will have as its width.
 */
export const FREE_BATCH = 1_000_003

/** Numbers in a tensor of these dimensions. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** Whether a dimension grows with a free batch. */
export function isFree(size: number): boolean {
  return size > 0 && size % FREE_BATCH === 0
}

/**
 * Dimensions in which values of one logical shape meet others that are broadcast to it: a single number each, or a row
 * along its last dimension. Undefined where something else is broadcast.
 */
export function commonLayout(
  values: readonly { tensor: TensorInfo; shape: readonly number[] }[],
  shape: readonly number[],
): readonly number[] | undefined {
  const size = sizeOf(shape)
  const [first] = values.filter((value) => sizeOf(value.shape) === size)
  if (!first || size === 1) return undefined
  const width = shape.at(-1) ?? 1
  const small = values.filter((value) => sizeOf(value.shape) !== size)
  const rows = small.filter((value) => sizeOf(value.shape) !== 1)
  if (
    rows.some(
      ({ tensor, shape: own }) =>
        own.at(-1) !== width || sizeOf(own) !== width || tensor.shape.at(-1) !== width,
    )
  ) {
    return undefined
  }
  if (rows.length > 0) {
    const last = first.shape.at(-1) ?? 1
    return last % width === 0 && !isFree(last) ? first.shape : [size / width, width]
  }
  // ONNX Runtime broadcasts a number along a last dimension of 1 number by number
  const end = first.shape.findLastIndex((dim) => dim !== 1)
  return small.length > 0 ? first.shape.slice(0, end + 1) : first.shape
}
