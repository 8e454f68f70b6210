import { constants, setPriority } from 'node:os'

/**
 * Lets the threads that answer requests go before this one, and before those that it starts from now on, where they want
 * the same core. To be called at the start of a worker thread; only Linux knows priorities of threads.
 */
export function yieldToOthers(): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // then it competes as before
  }
}
