/** Weight of a shingle: so many characters, or so many of scripts whose characters are syllables or words. */
const WEIGHT = 10
const OF_LETTER = 2
const OF_IDEOGRAPH = 5

/** Case, width, punctuation and the length of spaces do not count. */
export function plainText(text: string): string {
  const words = text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}]+/gu, ' ')
    .trim()
  return words === '' ? text.normalize('NFKC').trim() : words
}

/**
 * The shingles of a text: hashes of each 5 characters that follow each other, of Chinese, Japanese and Korean each 2;
 * of a shorter text all of it. Ascending, each once.
 */
export function shinglesOf(text: string): Uint32Array {
  const points = Uint32Array.from(plainText(text), (character) => character.codePointAt(0) ?? 0)
  // spaces between ideographs say nothing: some write them, some do not
  const kept = points.filter(
    (point, i) => point !== 32 || !(isIdeograph(points[i - 1] ?? 0) && isIdeograph(points[i + 1] ?? 0)),
  )
  const hashes = new Uint32Array(kept.length)
  let count = 0
  for (let start = 0; start < kept.length; start++) {
    let weight = 0
    let hash = 0x811c9dc5
    for (let i = start; weight < WEIGHT && i < kept.length; i++) {
      const point = kept[i] as number
      // FNV-1a over whole code points
      hash = Math.imul(hash ^ point, 0x01000193)
      weight += isIdeograph(point) ? OF_IDEOGRAPH : OF_LETTER
    }
    if (weight < WEIGHT && start > 0) break
    hashes[count++] = mix(hash)
  }
  const sorted = hashes.subarray(0, count).sort()
  return sorted.filter((hash, i) => i === 0 || hash !== sorted[i - 1])
}

/** Shingles that two texts share, as a share of those that either has. */
export function jaccard(a: Uint32Array, b: Uint32Array): number {
  let shared = 0
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [x, y] = [a[i] as number, b[j] as number]
    if (x === y) shared++
    if (x <= y) i++
    if (y <= x) j++
  }
  const all = a.length + b.length - shared
  return all === 0 ? 0 : shared / all
}

/** The last step of MurmurHash3, which spreads what differs over all bits. */
function mix(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Han, Hiragana, Katakana, Hangul. */
function isIdeograph(point: number): boolean {
  if (point < 0x3040) return point === 0x3005 || point === 0x3007
  return (
    point <= 0x30ff ||
    (point >= 0x3400 && point <= 0x9fff) ||
    (point >= 0xac00 && point <= 0xd7af) ||
    (point >= 0xf900 && point <= 0xfaff) ||
    (point >= 0x20000 && point <= 0x3ffff)
  )
}
