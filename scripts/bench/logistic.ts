/** An example to fit by. */
export interface Example {
  features: readonly number[]
  positive: boolean
  /** How much it counts. */
  weight: number
}

const STEPS = 30
/** Of the weights' squares; keeps them finite where a feature tells all. */
const RIDGE = 0.01

/** By logistic regression. @param weights the constant first */
export function likelihood(weights: readonly number[], features: readonly number[]): number {
  const odds = [1, ...features].reduce((sum, value, i) => sum + value * (weights[i] ?? 0), 0)
  return 1 / (1 + Math.exp(-odds))
}

/** Fits by Newton's method. @returns the constant, then a weight for each feature */
export function fitLogistic(examples: readonly Example[]): number[] {
  const size = (examples[0]?.features.length ?? 0) + 1
  let weights = new Array<number>(size).fill(0)
  for (let step = 0; step < STEPS; step++) {
    const penalty = (i: number): number => (i === 0 ? 1e-6 : RIDGE)
    const gradient = weights.map((weight, i) => -penalty(i) * weight)
    const hessian = weights.map((_, i) => weights.map((__, j) => (i === j ? penalty(i) : 0)))
    for (const { features, positive, weight } of examples) {
      const x = [1, ...features]
      const p = likelihood(weights, features)
      for (const [i, row] of hessian.entries()) {
        const own = x[i] ?? 0
        gradient[i] = (gradient[i] ?? 0) + weight * ((positive ? 1 : 0) - p) * own
        for (const j of row.keys()) row[j] = (row[j] ?? 0) + weight * p * (1 - p) * own * (x[j] ?? 0)
      }
    }
    const change = solve(hessian, gradient)
    weights = weights.map((weight, i) => weight + (change[i] ?? 0))
  }
  return weights
}

/** Gauss and Jordan's elimination of a positive definite system. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i] ?? 0])
  for (const [i, pivot] of rows.entries()) {
    const head = pivot[i] ?? 1
    for (const j of pivot.keys()) pivot[j] = (pivot[j] ?? 0) / head
    for (const [r, row] of rows.entries()) {
      const factor = row[i] ?? 0
      if (r !== i) for (const j of row.keys()) row[j] = (row[j] ?? 0) - factor * (pivot[j] ?? 0)
    }
  }
  return rows.map((row) => row.at(-1) ?? 0)
}
