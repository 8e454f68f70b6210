import type { Random } from '#src/core/random.js'

/** The same items in an order drawn at random (Fisher and Yates). */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const order = [...items]
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.int(i + 1)
    const held = order[i] as T
    order[i] = order[j] as T
    order[j] = held
  }
  return order
}

/**
 * The same items in the order of numbers that are drawn for each. Draws otherwise than {@link shuffled}: what was chosen or
 * recorded by it is drawn again only by it.
 */
export function shuffledByKeys<T>(items: readonly T[], { uniform }: Random): T[] {
  const keyed = items.map((value) => ({ value, at: uniform() }))
  return keyed.sort((a, b) => a.at - b.at).map(({ value }) => value)
}
