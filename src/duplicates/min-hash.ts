import { seededRandom } from '../core/random.js'

/** Least hashes of a signature: BANDS x ROWS. */
export const HASHES = 128
/**
 * Two texts become candidates if all rows of a band agree: with Jaccard index s by chance 1 - (1 - s^4)^32, which is .99986
 * at .7, .88 at .5, .05 at .2 (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4).
 */
export const BANDS = 32
export const ROWS = HASHES / BANDS
/** To be changed with all that changes signatures or shingles. */
export const SIGNATURE_VERSION = 'text-1'

const SEEDS = makeSeeds()

/**
 * A signature of a set of shingles: its least member under each of 128 hash functions. Two sets agree in as many places, by
 * chance, as their Jaccard index says (Broder, On the resemblance and containment of documents, 1997).
 */
export function signatureOf(shingles: Uint32Array): Uint32Array {
  const signature = new Uint32Array(HASHES)
  for (let i = 0; i < HASHES; i++) {
    const seed = SEEDS[i] as number
    let least = 0xffffffff
    for (let j = 0; j < shingles.length; j++) {
      const spread = Math.imul((shingles[j] as number) ^ seed, 0x9e3779b1)
      const hash = (spread ^ (spread >>> 15)) >>> 0
      if (hash < least) least = hash
    }
    signature[i] = least
  }
  return signature
}

function makeSeeds(): Uint32Array {
  const random = seededRandom(1997)
  return Uint32Array.from({ length: HASHES }, () => random.int(2 ** 32))
}
