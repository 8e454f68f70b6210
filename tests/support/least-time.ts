/**
 * The least of a few times that a piece of work took, in ms: what other programs on the machine take comes on top. Only
 * ratios of such times mean something in a test.
 */
export async function leastTime(work: () => unknown, times = 5): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < times; i++) {
    const began = performance.now()
    await work()
    least = Math.min(least, performance.now() - began)
  }
  return least
}
