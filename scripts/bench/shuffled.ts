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
