import { EngineError } from '../core/errors.js'
import type { TrainerOptions } from './trainer.js'

/** @throws EngineError INVALID_REQUEST where a trainer cannot be made of the options */
export function checkOptions({ shape, batch, images }: TrainerOptions): void {
  if (![...shape, batch].every((size) => Number.isInteger(size) && size > 0)) {
    throw invalid(`shape [${shape}] and batch ${batch} must be whole numbers above 0`)
  }
  const pixels = shape[0] * shape[1] * shape[2]
  if (images.length === 0 || images.length % pixels !== 0) {
    throw invalid(`${images.length} bytes are not a whole number of images of ${shape.join(' x ')}`)
  }
}

/**
 * Checks the arguments of `train`.
 *
 * @returns the number of steps
 * @throws EngineError INVALID_REQUEST
 */
export function checkSteps(
  rows: Int32Array,
  inputs: Record<string, Float32Array>,
  { batch, count, names }: { batch: number; count: number; names: readonly string[] },
): number {
  checkRows(rows, count)
  const steps = rows.length / batch
  if (!Number.isInteger(steps)) {
    throw invalid(`${rows.length} rows are not a multiple of the batch of ${batch}`)
  }
  for (const name of names) {
    const found = inputs[name]?.length
    if (found !== steps) {
      throw invalid(`input "${name}" has ${found ?? 'no'} numbers, expected one for each of ${steps} steps`)
    }
  }
  return steps
}

/** @throws EngineError INVALID_REQUEST where a row is not one of `count` images, or there is none */
export function checkRows(rows: Int32Array, count: number): void {
  if (rows.length === 0) throw invalid('no rows')
  for (const row of rows) {
    if (row < 0 || row >= count) throw invalid(`row ${row} is not one of ${count} images`)
  }
}

/** @throws EngineError INVALID_REQUEST where a weight is unknown or of another length */
export function checkWeight(
  name: string,
  values: Float32Array,
  target: { length: number } | undefined,
): void {
  if (values.length !== target?.length) {
    throw invalid(
      `weight "${name}" has ${values.length} numbers, the model's has ${target?.length ?? 'none'}`,
    )
  }
}

/** @throws EngineError INVALID_REQUEST where a model gives something else than one number */
export function checkMetric<Found extends { size: number; shape: readonly number[] }>(
  name: string,
  metric: Found | undefined,
): Found {
  if (metric?.size === 1) return metric
  throw invalid(
    `metric "${name}" of a model is ${metric ? `a tensor [${metric.shape}]` : 'missing'}; it must be a scalar`,
  )
}

export function invalid(message: string): EngineError {
  return new EngineError('INVALID_REQUEST', message)
}
