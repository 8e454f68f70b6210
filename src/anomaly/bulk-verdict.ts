import { bulkScores } from './contamination.js'
import type { PartFit } from './fit-part.js'
import { type ByDetector, entriesOf, jointVerdict } from './joint-verdict.js'

/**
 * The mean of detectors' scores, each on the scale of its bulk. The verdict itself does not tell how far strangers stand out:
 * it is made of ranks, which are spread evenly whatever part of the rows is strange.
 *
 * @returns one a row; the verdict where no detector's scores have a bulk that a distribution can be fitted to
 */
export function bulkVerdict({ scores, weights, verdict }: PartFit): Float64Array {
  const bulk: ByDetector<Float64Array> = Object.fromEntries(
    entriesOf(scores).flatMap(([name, values]) => {
      const own = (weights[name] ?? 0) > 0 ? bulkScores(values) : undefined
      return own ? [[name, own]] : []
    }),
  )
  const count = Object.values(bulk)[0]?.length
  return count === undefined ? verdict : jointVerdict(bulk, weights, count)
}
