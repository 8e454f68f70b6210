import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { seededRandom } from '#src/core/random.js'
import {
  type AttributeValue,
  makeInt64,
  makeNode,
  makeTensor,
  type NodeProto,
  operatorSet,
  type TensorProto,
  writeModel,
} from '#src/tensor/onnx-file.js'
import {
  GraphProtoSchema,
  ModelProtoSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from '#src/tensor/onnx-pb.js'

const DIM = 128
const HEADS = 4
const INNER = 512
const LAYERS = 2

/** Characters are tokens: [PAD], [UNK], [CLS], [SEP], then letters that begin a word and letters within one. */
const LETTERS = [...'abcdefghijklmnopqrstuvwxyz']
const VOCAB = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...LETTERS, ...LETTERS.map((letter) => `##${letter}`)]

export interface TinyOptions {
  /** 17 or later. */
  opset?: number
  /**
   * Channels of the feed-forward's inner activations that are constantly 300 where others are about 0.3, with small
   * weights behind: in one block of 32, or in each.
   */
  outliers?: 'none' | 'one block' | 'every block'
  /** How the feed-forward's first matrix is held. */
  weights?: 'plain' | 'transposed' | 'gemm' | 'cast'
}

/** Builds nodes and constants with names that count up. */
class Builder {
  readonly nodes: NodeProto[] = []
  readonly initializers: TensorProto[] = []
  #count = 0

  add(
    opType: string,
    input: string[],
    attributes: Record<string, AttributeValue> = {},
    output?: string,
  ): string {
    const name = output ?? `v${this.#count++}`
    this.nodes.push(makeNode(opType, input, [name], { attributes, name: `${opType}_${name}` }))
    return name
  }

  floats(dims: number[], values: Float32Array): string {
    const name = `c${this.#count++}`
    this.initializers.push(makeTensor(name, dims, values))
    return name
  }

  ints(values: number | number[]): string {
    const name = `c${this.#count++}`
    this.initializers.push(makeInt64(name, values))
    return name
  }
}

/** A transformer encoder of two layers with random weights, in fp32. */
export function tinyEncoder({
  opset = 17,
  outliers = 'none',
  weights = 'plain',
}: TinyOptions = {}): Uint8Array {
  const random = seededRandom(7)
  const b = new Builder()
  const normals = (count: number, scale: number) =>
    Float32Array.from({ length: count }, () => random.normal() * scale)
  const matrix = (k: number, n: number) => normals(k * n, 1 / Math.sqrt(k))
  const scalar = (value: number) => b.floats([], Float32Array.of(value))
  const isOutlier = (i: number) =>
    outliers === 'one block' ? i === 5 : outliers === 'every block' && i % 32 === 5
  const layerNorm = (x: string) =>
    b.add('LayerNormalization', [
      x,
      b.floats([DIM], new Float32Array(DIM).fill(1)),
      b.floats([DIM], normals(DIM, 0.1)),
    ])
  const dense = (x: string, k: number, n: number) =>
    b.add('Add', [b.add('MatMul', [x, b.floats([k, n], matrix(k, n))]), b.floats([n], normals(n, 0.05))])

  const one = scalar(1)
  let x = layerNorm(
    b.add('Gather', [b.floats([VOCAB.length, DIM], normals(VOCAB.length * DIM, 1)), 'input_ids']),
  )
  const mask = b.add('Cast', [b.add('Unsqueeze', ['attention_mask', b.ints([1, 2])])], { to: 1 })
  const hidden = b.add('Mul', [b.add('Sub', [one, mask]), scalar(-3e38)])
  const heads = b.ints([0, 0, HEADS, DIM / HEADS])
  const split = (v: string, perm: number[]) => b.add('Transpose', [b.add('Reshape', [v, heads])], { perm })
  for (let layer = 0; layer < LAYERS; layer++) {
    const q = split(dense(x, DIM, DIM), [0, 2, 1, 3])
    const k = split(dense(x, DIM, DIM), [0, 2, 3, 1])
    const v = split(dense(x, DIM, DIM), [0, 2, 1, 3])
    const scores = b.add('Div', [b.add('MatMul', [q, k]), scalar(Math.sqrt(DIM / HEADS))])
    const attention = b.add('Softmax', [b.add('Add', [scores, hidden])], { axis: -1 })
    const mixed = b.add('Transpose', [b.add('MatMul', [attention, v])], { perm: [0, 2, 1, 3] })
    x = layerNorm(b.add('Add', [dense(b.add('Reshape', [mixed, b.ints([0, 0, DIM])]), DIM, DIM), x]))
    const w1 = matrix(DIM, INNER)
    const b1 = normals(INNER, 0.05).map((value, i) => (isOutlier(i) ? 300 : value))
    const inner = gelu(b, firstMatrix(b, x, w1, b1, weights), one, scalar)
    const w2 = matrix(INNER, DIM).map((value, i) =>
      isOutlier(Math.floor(i / DIM)) ? value / 1000 : value * 2,
    )
    const out = b.add('Add', [
      b.add('MatMul', [inner, b.floats([INNER, DIM], w2)]),
      b.floats([DIM], normals(DIM, 0.05)),
    ])
    x = layerNorm(b.add('Add', [out, x]))
  }
  b.add('Identity', [x], {}, 'output_0')
  const first = b.add('Gather', ['output_0', b.ints(0)], { axis: 1 })
  b.add('Tanh', [dense(first, DIM, DIM)], {}, 'pooled')
  return writeModel(
    create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [operatorSet('', opset)],
      producerName: 'tests',
      graph: create(GraphProtoSchema, {
        name: 'tiny',
        node: b.nodes,
        initializer: b.initializers,
        input: [
          valueInfo('input_ids', 7, ['batch', 'tokens']),
          valueInfo('attention_mask', 7, ['batch', 'tokens']),
        ],
        output: [valueInfo('output_0', 1, ['batch', 'tokens', DIM]), valueInfo('pooled', 1, ['batch', DIM])],
      }),
    }),
  )
}

function firstMatrix(
  b: Builder,
  x: string,
  w: Float32Array,
  bias: Float32Array,
  weights: TinyOptions['weights'],
): string {
  const turned = w.map((_, i) => w[(i % DIM) * INNER + Math.floor(i / DIM)] as number)
  const biased = (weight: string) => b.add('Add', [b.add('MatMul', [x, weight]), b.floats([INNER], bias)])
  if (weights === 'transposed')
    return biased(b.add('Transpose', [b.floats([INNER, DIM], turned)], { perm: [1, 0] }))
  if (weights === 'cast') return biased(b.add('Cast', [b.floats([DIM, INNER], w)], { to: 1 }))
  if (weights === 'gemm') {
    const flat = b.add('Reshape', [x, b.ints([-1, DIM])])
    const product = b.add('Gemm', [flat, b.floats([INNER, DIM], turned), b.floats([INNER], bias)], {
      transB: 1,
    })
    const shape = b.add('Slice', [b.add('Shape', [x]), b.ints([0]), b.ints([2])])
    return b.add('Reshape', [product, b.add('Concat', [shape, b.ints([INNER])], { axis: 0 })])
  }
  return biased(b.floats([DIM, INNER], w))
}

function gelu(b: Builder, x: string, one: string, scalar: (value: number) => string): string {
  const erf = b.add('Erf', [b.add('Div', [x, scalar(Math.SQRT2)])])
  return b.add('Mul', [b.add('Mul', [x, b.add('Add', [erf, one])]), scalar(0.5)])
}

function valueInfo(name: string, elemType: number, dims: (string | number)[]) {
  const shape = create(TensorShapeProtoSchema, {
    dim: dims.map((dim) => ({
      value:
        typeof dim === 'string'
          ? ({ case: 'dimParam', value: dim } as const)
          : ({ case: 'dimValue', value: BigInt(dim) } as const),
    })),
  })
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: { case: 'tensorType', value: create(TypeProto_TensorSchema, { elemType, shape }) },
    }),
  })
}

/** Writes a model folder in Hugging Face layout, its tokenizer one of letters. */
export function writeTinyFolder(folder: string, model: Uint8Array): string {
  mkdirSync(join(folder, 'onnx'), { recursive: true })
  writeFileSync(join(folder, 'onnx', 'model.onnx'), model)
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ model_type: 'bert', hidden_size: DIM }))
  writeFileSync(join(folder, 'kindred.json'), JSON.stringify({ file: 'onnx/model.onnx', pooling: 'mean' }))
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ model_max_length: 64 }))
  const special = (id: number, content: string) => ({ id, content, special: true, normalized: false })
  const template = [
    { SpecialToken: { id: '[CLS]', type_id: 0 } },
    { Sequence: { id: 'A', type_id: 0 } },
    { SpecialToken: { id: '[SEP]', type_id: 0 } },
  ]
  const specialTokens = Object.fromEntries(
    ['[CLS]', '[SEP]'].map((id, i) => [id, { id, ids: [i + 2], tokens: [id] }]),
  )
  writeFileSync(
    join(folder, 'tokenizer.json'),
    JSON.stringify({
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: VOCAB.slice(0, 4).map((content, id) => special(id, content)),
      normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: true },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: {
        type: 'TemplateProcessing',
        single: template,
        pair: template,
        special_tokens: specialTokens,
      },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: Object.fromEntries(VOCAB.map((token, id) => [token, id])),
      },
    }),
  )
  return folder
}
