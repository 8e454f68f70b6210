import type { DetectionReport, DetectionRows, DetectionScores } from '../core/detection.js'
import type { Reason } from '../core/reasons.js'
import { explain, usualDistances } from './explain.js'
import { fitRanges, loadRanges, type Ranges, saveRanges } from './ranges.js'
import type { StrangestPassage } from './strangest-passage.js'

/** What is known of an item that is to be explained. */
export interface ItemEvidence {
  /** Shape [dim]. */
  vector: Float32Array
  /** What the detectors said of it, as row 0. */
  scores: DetectionScores
  report: Pick<DetectionReport, 'weights'>
  /** Its nearest normal items, the nearest first; empty where no index tells them. */
  nearest: readonly { id: string; distance: number }[]
  /** Of dimensions that have some. */
  names?: readonly string[] | undefined
  passage?: (StrangestPassage & { text: string }) | undefined
  region?: { x: number; y: number; width: number; height: number; share: number } | undefined
}

const FILES = { dimensions: 'usual-dimensions', distances: 'usual-distances' } as const

/** What is usual among the items that detectors were fitted to, by which an item is explained. */
export class UsualItems {
  readonly #dimensions: Ranges
  readonly #distances: Ranges | undefined

  private constructor(dimensions: Ranges, distances: Ranges | undefined) {
    this.#dimensions = dimensions
    this.#distances = distances
  }

  /** @param leaveOut shape [count]: rows with 1 are left out, as strangers */
  static fit(rows: DetectionRows, leaveOut: Uint8Array): UsualItems {
    const { nearest, count } = rows
    const distances = nearest && usualDistances(nearest, count, { leaveOut })
    return new UsualItems(fitRanges(rows, { leaveOut }), distances)
  }

  /** @throws EngineError ENCODER_INVALID */
  static load(saved: { settings: Record<string, unknown>; files: Record<string, Uint8Array> }): UsualItems {
    const load = (part: keyof typeof FILES): Ranges | undefined => {
      const settings = saved.settings[part] as Record<string, unknown> | undefined
      const bytes = saved.files[FILES[part]]
      return settings && loadRanges({ settings, files: bytes ? { ranges: bytes } : {} })
    }
    const dimensions = load('dimensions') ?? fitRanges({ values: new Float32Array(), count: 0, dim: 0 })
    return new UsualItems(dimensions, load('distances'))
  }

  save(): { settings: Record<string, unknown>; files: Record<string, Uint8Array> } {
    const dimensions = saveRanges(this.#dimensions)
    const distances = this.#distances && saveRanges(this.#distances)
    return {
      settings: {
        dimensions: dimensions.settings,
        ...(distances ? { distances: distances.settings } : {}),
      },
      files: {
        [FILES.dimensions]: dimensions.files.ranges as Uint8Array,
        ...(distances ? { [FILES.distances]: distances.files.ranges as Uint8Array } : {}),
      },
    }
  }

  /** Why an item seems strange, in words and numbers. */
  explain({ vector, scores, report, nearest, names, passage, region }: ItemEvidence): Reason[] {
    const distances = nearest.map(({ distance }) => distance)
    return explain({
      detectors: { scores, row: 0, report },
      dimensions: { vector, ranges: this.#dimensions, names },
      ...(nearest.length > 0
        ? { neighbours: { distances, nearestId: nearest[0]?.id, usual: this.#distances } }
        : {}),
      ...(passage ? { passage } : {}),
      ...(region ? { region } : {}),
    })
  }
}
