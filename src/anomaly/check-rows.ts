import type { DetectionRows } from '../core/detection.js'
import { EngineError } from '../core/errors.js'
import { entriesOf } from './joint-verdict.js'

/**
 * @param dim columns that they must have; default: as many as they say
 * @throws EngineError DIMENSION_MISMATCH if lengths do not agree, INVALID_VECTOR on a number that is not finite
 */
export function checkRows({ values, count, dim, columns, nearest }: DetectionRows, expected = dim): void {
  if (dim !== expected || !Number.isInteger(dim) || dim < 1) {
    throw new EngineError(
      'DIMENSION_MISMATCH',
      `rows have ${dim} columns, the detectors expect ${dim === expected ? 'at least 1' : expected}`,
    )
  }
  if (values.length !== count * dim) {
    throw new EngineError(
      'DIMENSION_MISMATCH',
      `${count} rows of ${dim} columns are ${count * dim} numbers, not ${values.length}`,
    )
  }
  for (const [name, scores] of entriesOf(columns)) {
    if (scores.length === count) continue
    throw new EngineError(
      'DIMENSION_MISMATCH',
      `the column "${name}" has ${scores.length} scores for ${count} rows`,
    )
  }
  if (nearest !== undefined && (count === 0 ? nearest.length > 0 : nearest.length % count !== 0)) {
    throw new EngineError(
      'DIMENSION_MISMATCH',
      `${nearest.length} distances to neighbours cannot be shared out among ${count} rows`,
    )
  }
  for (let at = 0; at < values.length; at++) {
    if (Number.isFinite(values[at])) continue
    throw new EngineError(
      'INVALID_VECTOR',
      `row ${Math.floor(at / dim)} holds ${values[at]} in column ${at % dim}; every value must be a finite number`,
    )
  }
}
