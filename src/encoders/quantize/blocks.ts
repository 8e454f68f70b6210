import { floatValues, makeNode, makeTensor } from '../../tensor/onnx-file.js'
import { type EmbeddingLayer, type MatrixLayer, weightsOf } from './layers.js'
import { type GraphParts, scaleOf } from './per-row.js'

export const BLOCK = 32

/** ONNX Runtime's own operators. */
export const MICROSOFT = 'com.microsoft'

export type BlockBits = 4 | 8

/**
 * Unsigned `bits` with the middle for zero, one scale a block of 32 along each row; a short last block is filled up
 * with zeros. Two 4-bit values share a byte, the first in the low half.
 *
 * @returns bytes of shape [rows, blocks, 32 * bits / 8] and scales of shape [rows, blocks]
 */
export function quantizeBlocks(
  values: Float32Array,
  columns: number,
  bits: BlockBits,
): { quantized: Uint8Array; scales: Float32Array; blocks: number } {
  const rows = values.length / columns
  const blocks = Math.ceil(columns / BLOCK)
  const zero = 2 ** (bits - 1)
  const scales = new Float32Array(rows * blocks)
  const quantized = new Uint8Array((rows * blocks * BLOCK * bits) / 8)
  for (let r = 0; r < rows; r++) {
    for (let b = 0; b < blocks; b++) {
      const from = r * columns + b * BLOCK
      const length = Math.min(BLOCK, columns - b * BLOCK)
      // the largest value gets the range's longer, negative end
      let top = 0
      for (let i = 0; i < length; i++) {
        const value = values[from + i] as number
        if (Math.abs(value) > Math.abs(top)) top = value
      }
      const scale = scaleOf(top / -zero)
      const block = r * blocks + b
      scales[block] = scale
      for (let i = 0; i < BLOCK; i++) {
        const value = i < length ? (values[from + i] as number) : 0
        const code = Math.max(0, Math.min(2 * zero - 1, Math.round(value / scale) + zero))
        if (bits === 8) quantized[block * BLOCK + i] = code
        else {
          const at = (block * BLOCK + i) >> 1
          quantized[at] = (quantized[at] as number) | (i % 2 === 0 ? code : code << 4)
        }
      }
    }
  }
  return { quantized, scales, blocks }
}

/** Writes layers with weights in blocks of 32, for encoders whose activations have outliers. */
export class BlocksWriter {
  readonly #parts: GraphParts
  #layers = 0

  constructor(parts: GraphParts) {
    this.#parts = parts
  }

  matrix(layer: MatrixLayer, bits: BlockBits): void {
    const { nodes, initializers, fresh } = this.#parts
    const index = this.#layers++
    const { quantized, scales, blocks } = quantizeBlocks(weightsOf(layer, 'column'), layer.k, bits)
    const [weight, scale] = [fresh(`b${index}_w`), fresh(`b${index}_s`)]
    initializers.push(
      makeTensor(weight, [layer.n, blocks, (BLOCK * bits) / 8], quantized),
      makeTensor(scale, [layer.n * blocks], scales),
    )
    const result = layer.node.output[0] ?? ''
    const product = layer.bias === undefined ? result : fresh(`b${index}_p`)
    nodes.push(
      makeNode('MatMulNBits', [layer.activation, weight, scale], [product], {
        domain: MICROSOFT,
        // accuracy level 4: activations in int8, by block of a row
        attributes: { K: layer.k, N: layer.n, accuracy_level: 4, bits, block_size: BLOCK },
      }),
    )
    if (layer.bias !== undefined) nodes.push(makeNode('Add', [product, layer.bias], [result]))
  }

  embedding(layer: EmbeddingLayer, bits: BlockBits): void {
    const { nodes, tables, fresh } = this.#parts
    const { quantized, scales, blocks } = quantizeBlocks(floatValues(layer.tensor), layer.dim, bits)
    const [table, scale] = [fresh('we_b'), fresh('we_bs')]
    tables.push(
      makeTensor(table, [layer.rows, (blocks * BLOCK * bits) / 8], quantized),
      makeTensor(scale, [layer.rows, blocks], scales),
    )
    nodes.push(
      makeNode(
        'GatherBlockQuantized',
        [table, layer.node.input[1] ?? '', scale],
        [layer.node.output[0] ?? ''],
        {
          domain: MICROSOFT,
          attributes: { bits, block_size: BLOCK, gather_axis: 0, quantize_axis: 1 },
        },
      ),
    )
  }
}
