import { loadTfjsNode } from '#src/tensor/tfjs-node.js'

/** Why tests that need tfjs-node cannot run here; undefined where they can. */
export function tfjsNodeAbsent(): string | undefined {
  try {
    loadTfjsNode()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
