import type { DetectorName } from './detection.js'

/** Why an item seems strange: one reason of several, for people (`text`) and for programs (the rest). */
export type Reason = DetectorReason | DimensionReason | NeighboursReason | PassageReason | RegionReason

/** A detector objects. */
export interface DetectorReason {
  kind: 'detector'
  detector: DetectorName
  /** Larger is stranger; of the detector's own kind. */
  score: number
  /** The part of ordinary items that the detector finds at least as strange, in (0, 1]. */
  pValue: number
  /** The detector's part of the joint verdict on any item, in 0..1. */
  weight: number
  /** Its part of what speaks against this item, in 0..1; over all detectors they sum to 1. */
  share: number
  text: string
}

/** A latent dimension, or a column of a table, is out of its usual range. */
export interface DimensionReason {
  kind: 'dimension'
  /** From 0. */
  index: number
  /** The column's, where dimensions have names. */
  name?: string
  value: number
  /** The usual range: all but 1 % of the reference lies in it. */
  low: number
  high: number
  /** How many robust standard deviations it lies from the median, with its sign; null where all others are equal. */
  deviations: number | null
  text: string
}

/** The nearest items are far away. */
export interface NeighboursReason {
  kind: 'neighbours'
  /** Mean distance to the nearest other items; smaller is nearer. */
  distance: number
  /** How many they are. */
  count: number
  /** The usual range of that mean: all but 1 % of the reference lies in it. Not there where it is not known. */
  low?: number
  high?: number
  /** The very nearest, where it is known. */
  nearest?: { id: string; distance: number }
  text: string
}

/** One passage of a text lies apart from the rest. */
export interface PassageReason {
  kind: 'passage'
  /** From 0, in the order of the text. */
  index: number
  /** How many passages the item has. */
  passages: number
  /** From the rest of the collection; smaller is nearer. */
  distance: number
  /** The median distance of the item's other passages. */
  others: number
  text: string
}

/** One region of a picture is reconstructed badly; in pixels of the encoder's input. */
export interface RegionReason {
  kind: 'region'
  x: number
  y: number
  width: number
  height: number
  /** The part of the whole error that lies in it, in 0..1. */
  share: number
  text: string
}
