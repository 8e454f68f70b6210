import { dot, normalize } from '#src/core/vectors.js'

/** Vectors with labels. */
export interface LabelledVectors {
  vectors: readonly Float32Array[]
  labels: readonly string[]
}

const VOTERS = 5
const PRECISION_AT = 10

/** How well the nearest by cosine agree in their labels with what was asked, in 0..1. */
export interface Agreement {
  /** How often the majority of the 5 nearest is right; of equals the nearer. */
  accuracy: number
  /** Share of the 10 nearest that are right. */
  precision: number
}

/**
 * Exact nearest neighbours by cosine.
 *
 * @param asked absent: each of the known is asked among the others
 */
export function agreement(known: LabelledVectors, asked?: LabelledVectors): Agreement {
  const base = known.vectors.map(normalize)
  const questions = asked ? asked.vectors.map(normalize) : base
  const labels = (asked ?? known).labels
  let right = 0
  let precise = 0
  questions.forEach((question, i) => {
    const found: { row: number; cosine: number }[] = []
    for (let row = 0; row < base.length; row++) {
      if (!asked && row === i) continue
      const cosine = dot(question, base[row] as Float32Array)
      if (found.length === PRECISION_AT && cosine <= (found[PRECISION_AT - 1]?.cosine ?? 0)) continue
      const place = found.findIndex((other) => other.cosine < cosine)
      found.splice(place < 0 ? found.length : place, 0, { row, cosine })
      found.length = Math.min(found.length, PRECISION_AT)
    }
    const names = found.map(({ row }) => known.labels[row] ?? '')
    if (majority(names.slice(0, VOTERS)) === labels[i]) right++
    precise += names.filter((name) => name === labels[i]).length / PRECISION_AT
  })
  return { accuracy: right / questions.length, precision: precise / questions.length }
}

function majority(names: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best), ['', 0] as [
    string,
    number,
  ])[0]
}

/** Vectors less the mean of those that are known. */
export function centred({ vectors, labels }: LabelledVectors, known: LabelledVectors): LabelledVectors {
  const mean = new Float64Array(known.vectors[0]?.length ?? 0)
  for (const vector of known.vectors) {
    vector.forEach((value, j) => {
      mean[j] = (mean[j] as number) + value / known.vectors.length
    })
  }
  return { labels, vectors: vectors.map((vector) => vector.map((value, j) => value - (mean[j] as number))) }
}

/**
 * The chance that a stranger has a larger score than one of ours (area under the ROC curve; Mann and Whitney's U).
 *
 * @param strange for each score whether it is a stranger's
 */
export function rocAuc(scores: readonly number[], strange: readonly boolean[]): number {
  const order = scores.map((_, i) => i).sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0))
  let rankSum = 0
  for (let from = 0; from < order.length; ) {
    let to = from
    while (to < order.length && scores[order[to] ?? 0] === scores[order[from] ?? 0]) to++
    // equal scores share the mean of their ranks
    for (const i of order.slice(from, to)) if (strange[i]) rankSum += (from + 1 + to) / 2
    from = to
  }
  const strangers = strange.filter(Boolean).length
  return (rankSum - (strangers * (strangers + 1)) / 2) / (strangers * (scores.length - strangers))
}
