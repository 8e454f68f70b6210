/** A seeded generator of numbers, so that whatever uses it repeats. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number
  /** Standard normal, by Box and Muller's transform. */
  normal(): number
  /** Uniform integer in [0, n). */
  int(n: number): number
}

/** mulberry32 (Tommy Ettinger, public domain): 32 bits of state, period 2^32; not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    int: (n) => Math.floor(uniform() * n),
  }
}
