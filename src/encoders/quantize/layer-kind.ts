import type { NodeProto } from '../../tensor/onnx-file.js'
import type { SourceModel } from './source-model.js'

/** Kinds of layers of a transformer, each quantized one way throughout. */
export const LAYER_KINDS = [
  'embeddings',
  'query-key-value',
  'attention-output',
  'feed-forward-1',
  'feed-forward-2',
  'other',
] as const

export type LayerKind = (typeof LAYER_KINDS)[number]

const NONLINEAR =
  /^(Erf|Tanh|Relu|LeakyRelu|Elu|Selu|Gelu|FastGelu|QuickGelu|BiasGelu|Sigmoid|HardSigmoid|Softplus|Mish|Celu|ThresholdedRelu)$/

/** What the walk has to know of the other layers. */
export interface Surroundings {
  isLayer(node: NodeProto): boolean
  /** Whether a value is computed rather than a constant matrix. */
  isComputed(name: string): boolean
}

type Found = 'attention' | 'nonlinear' | 'neither'

/**
 * Tells a layer's kind by what is next to it, as far as the next layers: attention or a nonlinear function, ahead
 * of it or behind.
 *
 * @param activation the value that the layer reads
 */
export function kindOf(
  source: SourceModel,
  layer: { node: NodeProto; activation: string },
  around: Surroundings,
): LayerKind {
  const ahead = walk(layer.node.output, around, {
    nodesAt: (name) => source.consumers(name),
    namesOf: (node) => node.output,
  })
  if (ahead === 'attention') return 'query-key-value'
  if (ahead === 'nonlinear') return 'feed-forward-1'
  const behind = walk([layer.activation], around, {
    nodesAt: (name) => source.producer(name) ?? [],
    namesOf: (node) => node.input,
  })
  return behind === 'attention' ? 'attention-output' : behind === 'nonlinear' ? 'feed-forward-2' : 'other'
}

interface Direction {
  nodesAt(name: string): readonly NodeProto[] | NodeProto
  namesOf(node: NodeProto): readonly string[]
}

function walk(from: readonly string[], around: Surroundings, { nodesAt, namesOf }: Direction): Found {
  const seen = new Set(from)
  const queue = [...from]
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    for (const node of [nodesAt(name)].flat()) {
      // shapes lead everywhere
      if (around.isLayer(node) || node.opType === 'Shape') continue
      if (isAttention(node, around)) return 'attention'
      if (NONLINEAR.test(node.opType)) return 'nonlinear'
      for (const next of namesOf(node)) {
        if (seen.has(next)) continue
        seen.add(next)
        queue.push(next)
      }
    }
  }
  return 'neither'
}

/** A matrix multiplication between two computed values, or attention as one operator. */
function isAttention(node: NodeProto, around: Surroundings): boolean {
  if (/Attention/.test(node.opType)) return true
  return (
    /^(MatMul|FusedMatMul|Einsum)$/.test(node.opType) && node.input.every((name) => around.isComputed(name))
  )
}
