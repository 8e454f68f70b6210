/** How well scores put strangers first: larger is stranger. */
export interface RankingQuality {
  /** Probability that a stranger scores more than another, ties counting half. */
  auc: number
  /** Mean over strangers of the precision where they stand, ties taken together. */
  averagePrecision: number
}

/** @param strange by row, whether it is a stranger; some of both kinds */
export function rankingQuality(scores: Float64Array, strange: (row: number) => boolean): RankingQuality {
  const order = Uint32Array.from(scores, (_, i) => i)
  order.sort((a, b) => (scores[b] as number) - (scores[a] as number))
  let found = 0
  let passed = 0
  let won = 0
  let precision = 0
  for (let from = 0; from < order.length; ) {
    let to = from
    let strangers = 0
    while (to < order.length && scores[order[to] as number] === scores[order[from] as number]) {
      if (strange(order[to] as number)) strangers++
      to++
    }
    const others = to - from - strangers
    won += others * (found + strangers / 2)
    found += strangers
    passed += others
    precision += (strangers * found) / to
    from = to
  }
  return { auc: won / (found * passed), averagePrecision: precision / found }
}
