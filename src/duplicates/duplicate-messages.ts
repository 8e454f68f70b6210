import type { ItemContent } from '../core/backend.js'
import type { DuplicateOptions, DuplicateRelation } from '../core/types.js'

/** A text or picture, by its number, and an item that has it. */
export interface Carried {
  content: number
  id: string
}

/** What of a page of items has no fingerprint yet. */
export interface Lacking {
  texts: Carried[]
  pictures: Carried[]
}

/** A fingerprint to keep with an item. */
export interface MadePrint {
  id: string
  source: string
  bytes: Uint8Array
}

/** What was asked, with the defaults filled in. */
export type DuplicateSettings = Required<Omit<DuplicateOptions, 'space' | 'where'>>

/** Groups, and members of groups that could go. */
export type Found = Record<'groups' | DuplicateRelation, number>

/** What the thread is asked, and what it answers. */
export interface Calls {
  load: { asked: { items: ItemContent[] }; answer: Lacking }
  printPictures: {
    asked: { pictures: readonly Carried[]; renditions: (Uint8Array | null)[] }
    answer: MadePrint[]
  }
  printTexts: { asked: { texts: readonly Carried[]; values: (string | null)[] }; answer: MadePrint[] }
  /** All pictures are loaded: compares the new ones. */
  comparePictures: { asked: object; answer: null }
  /** All texts are loaded: finds what must be compared. @returns the number of pairs */
  pairTexts: { asked: object; answer: number }
  /** All those are compared: finds what must be compared besides. @returns the number of pairs */
  pairTextsAgain: { asked: object; answer: number }
  /** The texts of the next pairs; none when all are compared. */
  nextTexts: { asked: object; answer: Carried[] }
  compareTexts: { asked: { texts: readonly Carried[]; values: (string | null)[] }; answer: number }
  /** The pairs of new contents from one on, to be kept; at most `limit` of them, and where the next begin. */
  newPairs: {
    asked: { of: 'texts' | 'pictures'; from: number; limit: number }
    answer: { made: MadePrint[]; next: number | null }
  }
  addSimilar: { asked: { pairs: [a: string, b: string, cosine: number][] }; answer: null }
  group: { asked: { settings: DuplicateSettings }; answer: Found }
  /** Groups that were made, each as JSON. */
  groupRows: { asked: { from: number; limit: number }; answer: string[] }
  counts: {
    asked: object
    answer: { texts: number; images: number; printedTexts: number; printedImages: number }
  }
}

export type CallName = keyof Calls

/** A call as it reaches the thread. */
export type DuplicatesCall = {
  [N in CallName]: { id: number; call: N; asked: Calls[N]['asked'] }
}[CallName]

/** What the thread says while it compares. */
export interface DuplicatesProgress {
  progress: { done: number; total: number }
}

/** What the thread is started with. */
export interface DuplicatesInput {
  /** One Int32; anything but 0 asks it to end what it does. */
  cancelled: SharedArrayBuffer
}
