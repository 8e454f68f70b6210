import { BANDS, HASHES, ROWS } from './min-hash.js'

/** Of texts that fall together each is compared with the first ones and with those just before it. */
const FIRST_ONES = 2
const BEFORE = 6
/** Candidates of one text. */
const MOST = 64

/** Two members by their numbers, the lesser first. */
export type Pair = readonly [number, number]

/**
 * Pairs of texts that may be alike: those that agree in a whole band of their signatures, at least one of them new. Time and
 * memory grow with the number of texts, whatever they are: of many that fall together each is paired with few.
 *
 * @param signatures shape [count, HASHES]
 * @param isNew of each
 * @param check called between bands; throws where the work must end
 */
export function textCandidates(
  signatures: Uint32Array,
  isNew: (text: number) => boolean,
  check: () => void = () => undefined,
): Pair[] {
  const count = signatures.length / HASHES
  const pairs: Pair[] = []
  const known = new Set<number>()
  const taken = new Uint8Array(count)
  // a key and a number in one float64, so that they are sorted without a comparing function
  const keys = 2 ** Math.min(32, 53 - Math.ceil(Math.log2(count + 1)))
  const sorted = new Float64Array(count)
  const add = (a: number, b: number): void => {
    if (!isNew(a) && !isNew(b)) return
    const pair = a * count + b
    if (known.has(pair) || (taken[b] as number) >= MOST) return
    known.add(pair)
    taken[b] = (taken[b] as number) + 1
    pairs.push([a, b])
  }
  for (let band = 0; band < BANDS; band++) {
    check()
    for (let text = 0; text < count; text++) {
      sorted[text] = (bandKey(signatures, text, band) % keys) * count + text
    }
    sorted.sort()
    for (let from = 0; from < count; ) {
      const key = Math.floor((sorted[from] as number) / count)
      let to = from + 1
      while (to < count && Math.floor((sorted[to] as number) / count) === key) to++
      for (let i = from + 1; i < to; i++) {
        const text = (sorted[i] as number) % count
        const last = Math.max(from, i - BEFORE)
        for (let j = from; j < Math.min(last, from + FIRST_ONES); j++)
          add((sorted[j] as number) % count, text)
        for (let j = last; j < i; j++) add((sorted[j] as number) % count, text)
      }
      from = to
    }
  }
  return pairs
}

function bandKey(signatures: Uint32Array, text: number, band: number): number {
  let hash = 0x811c9dc5 ^ band
  const from = text * HASHES + band * ROWS
  for (let i = from; i < from + ROWS; i++) {
    hash = Math.imul(hash ^ (signatures[i] as number), 0x85ebca6b)
    hash ^= hash >>> 13
  }
  return hash >>> 0
}
