import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '#src/core/random.js'
import { quantizeBlocks } from '#src/encoders/quantize/blocks.js'
import { LAYER_KINDS } from '#src/encoders/quantize/layer-kind.js'
import { findLayers } from '#src/encoders/quantize/layers.js'
import { quantizeColumns, quantizeRows } from '#src/encoders/quantize/per-row.js'
import { likeness, pooledVectors } from '#src/encoders/quantize/pooled-vectors.js'
import { type LayerMethod, rewrite } from '#src/encoders/quantize/rewrite.js'
import { HIDDEN_STATE, SourceModel } from '#src/encoders/quantize/source-model.js'
import { readModel, writeModel } from '#src/tensor/onnx-file.js'
import { type TinyOptions, tinyEncoder } from './quantize-fixture.js'

const BUNDLED = new URL('../../data/models/all-MiniLM-L6-v2/onnx/model_quantized.onnx', import.meta.url)

const source = (options?: TinyOptions) => new SourceModel(readModel(tinyEncoder(options), 'tiny'))

const everything = (method: LayerMethod) => Object.fromEntries(LAYER_KINDS.map((kind) => [kind, method]))

/** Token ids of 24 texts of 3 to 26 tokens. */
function texts(): number[][] {
  const random = seededRandom(3)
  return Array.from({ length: 24 }, (_, i) => [
    2,
    ...Array.from({ length: i + 1 }, () => 4 + random.int(52)),
    3,
  ])
}

describe('readModel and writeModel', () => {
  it('give back the bytes they were given', () => {
    const bytes = readFileSync(BUNDLED)
    expect(Buffer.compare(writeModel(readModel(bytes, 'bundled')), bytes)).toBe(0)
  })

  it.each([
    ['text', Buffer.from('not a model at all')],
    ['nothing', Buffer.alloc(0)],
    ['half a model', Buffer.from(tinyEncoder().subarray(0, 50_000))],
  ])('refuse %s', (_name, bytes) => {
    expect(() => readModel(bytes, 'x.onnx')).toThrowError(
      /^x\.onnx (is not an ONNX model|holds no ONNX graph)/,
    )
  })
})

describe('findLayers', () => {
  it.each(['plain', 'transposed', 'gemm'] as const)('tells the kinds apart, weights %s', (weights) => {
    const { matrices, embedding, left } = findLayers(source({ weights }))
    const block = [
      'query-key-value',
      'query-key-value',
      'query-key-value',
      'attention-output',
      'feed-forward-1',
      'feed-forward-2',
    ]
    expect(matrices.map(({ kind }) => kind)).toEqual([...block, ...block])
    expect(matrices.slice(3, 6).map(({ k, n }) => [k, n])).toEqual([
      [128, 128],
      [128, 512],
      [512, 128],
    ])
    expect(embedding).toMatchObject({ rows: 56, dim: 128 })
    expect(left).toEqual([])
  })

  it('reports weights that it cannot reach', () => {
    expect(findLayers(source({ weights: 'cast' })).left).toEqual(['2 Cast with float32 weights'])
  })

  it('refuses a model most of whose weights it cannot reach, and says what it found', () => {
    const model = readModel(tinyEncoder(), 'tiny')
    for (const node of model.graph.node) if (node.opType === 'MatMul') node.opType = 'FusedMatMul'
    expect(() => findLayers(new SourceModel(model))).toThrowError(
      expect.objectContaining({
        code: 'UNSUPPORTED',
        message: expect.stringMatching(/found 0 MatMul .* 12 FusedMatMul with float32 weights/),
      }),
    )
  })
})

describe('rewrite', () => {
  const options = { pooling: 'mean', batch: 8, threads: 1 } as const
  const cases = (['per-row', 'blocks-8'] as const).flatMap((method) =>
    (
      [
        ['plain', 17],
        ['plain', 21],
        ['transposed', 21],
        ['gemm', 17],
      ] as const
    ).map(([weights, opset]) => ({ method, weights, opset })),
  )
  it.each(cases)(
    'keeps the vectors: $method, weights $weights, operator set $opset',
    async ({ method, ...tiny }) => {
      const original = source(tiny)
      const written = writeModel(rewrite(original, findLayers(original), everything(method)))
      const reference = await pooledVectors(tinyEncoder(tiny), 'output_0', texts(), options)
      const vectors = await pooledVectors(written, HIDDEN_STATE, texts(), options)
      expect(likeness(reference, vectors).mean).toBeGreaterThan(0.998)
      const alone = await pooledVectors(written, HIDDEN_STATE, texts(), { ...options, batch: 1 })
      expect(likeness(vectors, alone).worst).toBeGreaterThan(0.999999)
    },
  )

  it('writes 4-bit blocks that ONNX Runtime reads', async () => {
    const original = source()
    const written = writeModel(rewrite(original, findLayers(original), everything('blocks-4')))
    const reference = await pooledVectors(tinyEncoder(), 'output_0', texts(), options)
    const vectors = await pooledVectors(written, HIDDEN_STATE, texts(), options)
    expect(likeness(reference, vectors).mean).toBeGreaterThan(0.98)
  })

  it('changes nothing but the output without a plan', async () => {
    const original = source()
    const written = writeModel(rewrite(original, findLayers(original), {}))
    const reference = await pooledVectors(tinyEncoder(), 'output_0', texts(), options)
    expect(await pooledVectors(written, HIDDEN_STATE, texts(), options)).toEqual(reference)
  })
})

describe('quantizing weights', () => {
  const weights = fc
    .array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 40, maxLength: 40 })
    .map((values) => Float32Array.from(values))

  it('stays within half a step and within the range, by column and by row', () => {
    fc.assert(
      fc.property(weights, (values) => {
        const columns = quantizeColumns(values, 4, 63)
        const rows = quantizeRows(values, 8)
        values.forEach((value, i) => {
          const column = columns.scales[i % 4] as number
          expect(Math.abs(columns.quantized[i] as number)).toBeLessThanOrEqual(63)
          expect(Math.abs((columns.quantized[i] as number) * column - value)).toBeLessThanOrEqual(
            column * 0.50001,
          )
          const row = rows.scales[Math.floor(i / 8)] as number
          expect(Math.abs((rows.quantized[i] as number) * row - value)).toBeLessThanOrEqual(row * 0.50001)
        })
      }),
    )
  })

  it.each([4, 8] as const)('stays within a step in blocks of %i bits', (bits) => {
    fc.assert(
      fc.property(weights, (values) => {
        const { quantized, scales, blocks } = quantizeBlocks(values, 40, bits)
        expect(blocks).toBe(2)
        values.forEach((value, i) => {
          const byte = quantized[bits === 8 ? i : i >> 1] as number
          const code = bits === 8 ? byte : i % 2 === 0 ? byte & 15 : byte >> 4
          const scale = scales[i >> 5] as number
          // the largest code is one less than the range's other end
          expect(Math.abs((code - 2 ** (bits - 1)) * scale - value)).toBeLessThanOrEqual(
            Math.abs(scale) * 1.00001,
          )
        })
      }),
    )
  })

  it.each([1, 100, 190])('takes a weight of %i times the least float32 for 0', (times) => {
    const values = Float32Array.from({ length: 32 }, (_, i) => (i === 5 ? times * 2 ** -149 : 0))
    const { quantized, scales } = quantizeColumns(values, 4, 63)
    expect([...quantized, ...scales]).toEqual([...Array(32).fill(0), 1, 1, 1, 1])
    expect(quantizeRows(values, 32)).toEqual({ quantized: new Int8Array(32), scales: Float32Array.of(1) })
    const blocks = quantizeBlocks(values, 32, 8)
    expect([...blocks.quantized, ...blocks.scales]).toEqual([...Array(32).fill(128), 1])
  })

  it('rounds halves to even, as the recipe does', () => {
    const values = Float32Array.of(63, 0.5, 1.5, 2.5, -0.5, -1.5)
    expect([...quantizeColumns(values, 1, 63).quantized]).toEqual([63, 0, 2, 2, 0, -2])
  })

  it('keeps columns and blocks of zeros', () => {
    expect([...quantizeColumns(new Float32Array(4), 2, 63).quantized]).toEqual([0, 0, 0, 0])
    expect([...quantizeBlocks(new Float32Array(32), 32, 8).quantized]).toEqual(new Array(32).fill(128))
  })
})
