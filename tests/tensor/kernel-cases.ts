import * as tf from '@tensorflow/tfjs-core'

/** One call of an operation, to be recorded and compared. */
export interface KernelCase {
  name: string
  inputs: number[][]
  compute: (...inputs: tf.Tensor[]) => tf.Tensor
  /** Of the inputs' numbers; default -1 to 1. */
  range?: [number, number]
  /**
   * Whom the gradients are compared with: tfjs's own (default), or, where tfjs has none or a wrong one and the operation
   * is linear in its first input, differences of outputs.
   */
  gradient?: 'tfjs' | 'linear' | 'none'
}

type Unary = (x: tf.Tensor) => tf.Tensor
type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor
type Pad = number | 'same' | 'valid' | tf.backend_util.ExplicitPadding

const SHAPE = [3, 5]

const unary = (name: string, compute: Unary, more: Partial<KernelCase> = {}): KernelCase => ({
  name,
  inputs: [SHAPE],
  compute,
  ...more,
})

/** Of one shape, and with either side broadcast; tfjs's own gradients of some do not know the latter. */
const binary = (
  name: string,
  compute: Binary,
  { whole, ...more }: Partial<KernelCase> & { whole?: boolean } = {},
): KernelCase[] =>
  [
    [SHAPE, SHAPE],
    [[2, 3, 5], [5]],
    [
      [3, 1],
      [2, 1, 5],
    ],
  ].map((inputs, at) => ({
    name: `${name} of [${inputs.join('] and [')}]`,
    inputs,
    compute,
    ...more,
    ...(whole && at > 0 ? flat : {}),
  }))

const flat = { gradient: 'none' } as const
const positive = { range: [0.2, 2] as [number, number] }
const CHOICE = () =>
  tf.cast(
    tf.tensor2d(
      new Array(15).fill(0).map((_, at) => at % 2),
      [3, 5],
    ),
    'bool',
  )
const truth = (x: tf.Tensor) => tf.greater(x, 0)

const NUMBERS: KernelCase[] = [
  ...binary('add', tf.add),
  ...binary('sub', tf.sub),
  ...binary('mul', tf.mul),
  ...binary('div', tf.div, positive),
  ...binary('maximum', tf.maximum, { whole: true }),
  ...binary('minimum', tf.minimum, { whole: true }),
  ...binary('pow', tf.pow, positive),
  ...binary('squaredDifference', tf.squaredDifference, { whole: true }),
  ...binary(
    'floorDiv',
    (a, b) => tf.floorDiv(tf.cast(tf.mul(a, 9), 'int32'), tf.cast(tf.add(tf.abs(tf.mul(b, 5)), 1), 'int32')),
    flat,
  ),
  ...binary('mod', tf.mod, flat),
  ...binary(
    'mod of whole numbers',
    (a, b) => tf.mod(tf.cast(tf.mul(a, 9), 'int32'), tf.cast(tf.add(tf.abs(tf.mul(b, 5)), 1), 'int32')),
    flat,
  ),
  { name: 'addN', inputs: [SHAPE, SHAPE, SHAPE], compute: (...terms) => tf.addN(terms) },
  ...binary('equal', (a, b) => tf.equal(tf.round(a), tf.round(b)), flat),
  ...binary('notEqual', (a, b) => tf.notEqual(tf.round(a), tf.round(b)), flat),
  ...binary('greater', tf.greater, flat),
  ...binary('greaterEqual', tf.greaterEqual, flat),
  ...binary('less', tf.less, flat),
  ...binary('lessEqual', tf.lessEqual, flat),
  ...binary('logicalAnd', (a, b) => tf.logicalAnd(truth(a), truth(b)), flat),
  ...binary('logicalOr', (a, b) => tf.logicalOr(truth(a), truth(b)), flat),
  unary('logicalNot', (x) => tf.logicalNot(truth(x)), flat),
  { name: 'where', inputs: [SHAPE, SHAPE], compute: (a, b) => tf.where(CHOICE(), a, b) },
  unary('clipByValue', (x) => tf.clipByValue(x, -0.3, 0.4)),
  unary('abs', tf.abs),
  unary('ceil', tf.ceil),
  unary('cos', tf.cos),
  unary('exp', tf.exp),
  unary('expm1', tf.expm1),
  unary('floor', tf.floor),
  unary('isNaN', (x) => tf.isNaN(tf.sqrt(x)), flat),
  unary('log', tf.log, positive),
  unary('log1p', tf.log1p, positive),
  unary('neg', tf.neg),
  unary('reciprocal', tf.reciprocal, positive),
  unary('round', (x) => tf.round(tf.mul(x, 7))),
  unary('rsqrt', tf.rsqrt, positive),
  unary('sign', tf.sign),
  unary('sin', tf.sin),
  unary('sqrt', tf.sqrt, positive),
  unary('square', tf.square),
]

const ACTIVATIONS: KernelCase[] = [
  unary('relu', tf.relu),
  unary('relu6', tf.relu6, { range: [-4, 12] }),
  unary('leakyRelu', (x) => tf.leakyRelu(x, 0.3)),
  { name: 'prelu', inputs: [[2, 3, 5], [5]], compute: (x, alpha) => tf.prelu(x, alpha) },
  unary('elu', tf.elu),
  unary('selu', tf.selu),
  unary('sigmoid', tf.sigmoid, { range: [-9, 9] }),
  unary('tanh', tf.tanh, { range: [-4, 4] }),
  unary('softplus', tf.softplus, { range: [-20, 20] }),
  unary('erf', tf.erf, { range: [-3, 3] }),
  unary('step', (x) => tf.step(x)),
  unary('step with a slope', (x) => tf.step(x, 0.25), flat),
  unary('softmax', (x) => tf.softmax(x)),
  unary('logSoftmax', (x) => tf.logSoftmax(x)),
  // 0.5 x (1 + erf(x / sqrt(2))), exact, and by tanh
  unary('gelu', (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)), {
    range: [-4, 4],
  }),
  unary(
    'gelu by tanh',
    (x) =>
      tf.mul(
        tf.mul(x, 0.5),
        tf.add(tf.tanh(tf.mul(tf.add(x, tf.mul(tf.pow(x, 3), 0.044715)), Math.sqrt(2 / Math.PI))), 1),
      ),
    positive,
  ),
]

const PRODUCTS: KernelCase[] = [false, true].flatMap((transposeA) =>
  [false, true].flatMap((transposeB) => {
    const side = (rows: number, columns: number, turned: boolean) =>
      turned ? [columns, rows] : [rows, columns]
    const [a, b] = [side(3, 5, transposeA), side(5, 4, transposeB)]
    const compute: Binary = (x, y) => tf.matMul(x, y, transposeA, transposeB)
    const name = `matMul${transposeA ? ' of a transposed' : ''}${transposeB ? ' by a transposed' : ''} matrix`
    return [
      { name, inputs: [a, b], compute },
      {
        name: `${name} in stacks`,
        inputs: [
          [2, ...a],
          [2, ...b],
        ],
        compute,
      },
    ]
  }),
)
const FUSED: KernelCase[] = (['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu'] as const).flatMap(
  (activation) => [
    {
      name: `fused matMul with ${activation}`,
      inputs: [[3, 5], [5, 4], [4]],
      compute: (a, b, bias) => tf.fused.matMul({ a, b, bias, activation }),
    },
    {
      name: `fused conv2d with ${activation}`,
      inputs: [[2, 5, 4, 3], [3, 2, 3, 4], [4]],
      compute: (x, filter, bias) =>
        tf.fused.conv2d({
          x: x as tf.Tensor4D,
          filter: filter as tf.Tensor4D,
          strides: 2,
          pad: 'same',
          bias,
          activation,
        }),
    },
  ],
)

const reduce = (
  name: string,
  compute: (x: tf.Tensor, axis?: number | number[], keepDims?: boolean) => tf.Tensor,
  more: Partial<KernelCase> = {},
): KernelCase[] =>
  [undefined, 0, -1, [1], [0, 2]].flatMap((axis) =>
    [false, true].map((keepDims) => ({
      name: `${name} along ${axis ?? 'all'}${keepDims ? ', kept' : ''}`,
      inputs: [[2, 3, 5]],
      compute: (x: tf.Tensor) => compute(x, axis, keepDims),
      ...more,
    })),
  )
const REDUCTIONS: KernelCase[] = [
  ...reduce('sum', tf.sum),
  ...reduce('mean', tf.mean),
  ...reduce('max', tf.max),
  ...reduce('min', tf.min),
  ...reduce('prod', (x, axis, keepDims) => tf.prod(x, axis, keepDims), flat),
  ...reduce('all', (x, axis, keepDims) => tf.all(tf.greater(x, -0.7), axis, keepDims), flat),
  ...reduce('any', (x, axis, keepDims) => tf.any(tf.greater(x, 0.7), axis, keepDims), flat),
  unary('sum of truths', (x) => tf.sum(truth(x), 1), flat),
  unary('argMax', (x) => tf.argMax(x, 1), flat),
  unary('argMin', (x) => tf.argMin(x, 0), flat),
]

const BOX = [2, 3, 5]
const SHAPING: KernelCase[] = [
  unary('clone', tf.clone),
  unary('cast', (x) => tf.cast(tf.mul(x, 5), 'int32'), flat),
  unary('fill', (x) => tf.mul(x, tf.fill(SHAPE, 3))),
  unary('zerosLike', (x) => tf.add(x, tf.zerosLike(x))),
  unary('onesLike', (x) => tf.add(x, tf.onesLike(x))),
  unary('reshape', (x) => tf.reshape(x, [5, -1])),
  unary('expandDims', (x) => tf.expandDims(x, 1)),
  { name: 'transpose', inputs: [BOX], compute: (x) => tf.transpose(x, [2, 0, 1]) },
  { name: 'tile', inputs: [BOX], compute: (x) => tf.tile(x, [2, 1, 3]) },
  { name: 'tile of one', inputs: [[2, 1, 5]], compute: (x) => tf.sum(tf.tile(x, [1, 3, 1]), 2) },
  { name: 'concat', inputs: [BOX, [2, 1, 5], [2, 4, 5]], compute: (...parts) => tf.concat(parts, 1) },
  { name: 'stack', inputs: [SHAPE, SHAPE], compute: (...parts) => tf.stack(parts, -1) },
  { name: 'unstack', inputs: [BOX], compute: (x) => tf.add(...(tf.unstack(x, 0) as [tf.Tensor, tf.Tensor])) },
  {
    name: 'split',
    inputs: [[2, 6]],
    compute: (x) => tf.sub(...(tf.split(x, 2, 1) as [tf.Tensor, tf.Tensor])),
  },
  { name: 'slice', inputs: [BOX], compute: (x) => tf.slice(x, [0, 1, 2], [-1, 2, 2]) },
  {
    name: 'gather',
    inputs: [BOX],
    compute: (x) => tf.gather(x, tf.tensor1d([2, 0, 2], 'int32'), 1),
    ...flat,
  },
  {
    name: 'pad',
    inputs: [BOX],
    compute: (x) =>
      tf.pad(
        x,
        [
          [1, 0],
          [0, 2],
          [1, 1],
        ],
        0.5,
      ),
  },
  {
    name: 'mirrorPad',
    inputs: [BOX],
    compute: (x) =>
      tf.mirrorPad(
        x,
        [
          [0, 0],
          [1, 2],
          [3, 0],
        ],
        'reflect',
      ),
    ...flat,
  },
]

const PADS: Pad[] = [
  'same',
  'valid',
  1,
  [
    [0, 0],
    [2, 1],
    [0, 3],
    [0, 0],
  ],
]
const SIZES = [
  [1, 7, 5, 1],
  [2, 6, 9, 3],
] as const
const convolutions: KernelCase[] = SIZES.flatMap((size) =>
  PADS.flatMap((pad) =>
    ([1, 2, [3, 1]] as (number | [number, number])[]).map((strides) => ({
      name: `conv2d of [${size}], strides ${strides}, padding ${pad}`,
      inputs: [[...size], [3, 2, size[3], 4]],
      compute: (x: tf.Tensor, filter: tf.Tensor) =>
        tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, strides, pad),
    })),
  ),
)
// rows that divide into groups of pixels
const groupedConvolutions: KernelCase[] = (
  [
    { size: [2, 5, 8, 1], filter: [3, 3], strides: 1, pad: 'same' },
    { size: [2, 5, 8, 1], filter: [3, 3], strides: 2, pad: 'same' },
    { size: [2, 5, 8, 1], filter: [2, 5], strides: 1, pad: 'same' },
    { size: [2, 5, 8, 1], filter: [2, 5], strides: 2, pad: 2 },
    { size: [1, 7, 12, 1], filter: [4, 4], strides: [1, 3], pad: 'same' },
    { size: [1, 7, 12, 1], filter: [5, 9], strides: 4, pad: 'same' },
    { size: [1, 4, 12, 1], filter: [3, 5], strides: 1, pad: 'valid' },
    {
      size: [2, 5, 8, 1],
      filter: [2, 2],
      strides: 1,
      pad: [
        [0, 0],
        [3, 0],
        [2, 4],
        [0, 0],
      ],
    },
    { size: [2, 4, 12, 16], filter: [3, 3], strides: 1, pad: 'same' },
    { size: [2, 6, 8, 3], filter: [3, 3], strides: 2, pad: 'same' },
    { size: [2, 6, 8, 3], filter: [3, 3], strides: 1, pad: 'same' },
    {
      size: [2, 6, 8, 2],
      filter: [3, 2],
      strides: 1,
      pad: [
        [0, 0],
        [1, 1],
        [1, 0],
        [0, 0],
      ],
    },
  ] as { size: number[]; filter: number[]; strides: number | [number, number]; pad: Pad }[]
).map(({ size, filter, strides, pad }) => ({
  name: `conv2d of [${size}] with ${filter}, strides ${strides}, padding ${pad}`,
  inputs: [size, [...filter, size[3] ?? 1, 3]],
  compute: (x: tf.Tensor, weights: tf.Tensor) =>
    tf.conv2d(x as tf.Tensor4D, weights as tf.Tensor4D, strides, pad),
}))
const moreConvolutions: KernelCase[] = [
  ...(['same', 'valid', 2] as const).map((pad) => ({
    name: `conv2d with dilations, padding ${pad}`,
    inputs: [
      [2, 9, 8, 3],
      [3, 2, 3, 4],
    ],
    compute: (x: tf.Tensor, filter: tf.Tensor) =>
      tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, pad, 'NHWC', [2, 3]),
    ...flat,
  })),
  {
    name: 'conv2d of one pixel at a time',
    inputs: [
      [2, 4, 5, 3],
      [1, 1, 3, 2],
    ],
    compute: (x, filter) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'valid'),
  },
  {
    name: 'conv2d with a filter as large as the image',
    inputs: [
      [2, 4, 5, 3],
      [4, 5, 3, 2],
    ],
    compute: (x, filter) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'valid'),
  },
  {
    name: 'conv1d',
    inputs: [
      [2, 9, 3],
      [4, 3, 2],
    ],
    compute: (x, filter) => tf.conv1d(x as tf.Tensor3D, filter as tf.Tensor3D, 2, 'same'),
  },
]
const transposedConvolutions: KernelCase[] = (
  [
    { strides: 1, pad: 'same', from: [5, 4], to: [5, 4] },
    { strides: 2, pad: 'same', from: [4, 3], to: [8, 6] },
    { strides: 2, pad: 'same', from: [4, 3], to: [7, 5] },
    { strides: [3, 2], pad: 'same', from: [3, 4], to: [8, 7] },
    { strides: 2, pad: 'valid', from: [3, 4], to: [7, 8] },
    { strides: 1, pad: 'valid', from: [3, 4], to: [5, 5] },
    { strides: 4, pad: 'same', from: [2, 2], to: [8, 7] },
  ] as { strides: number | [number, number]; pad: 'same' | 'valid'; from: number[]; to: [number, number] }[]
).map(({ strides, pad, from, to }, at) => ({
  name: `conv2dTranspose from ${from} to ${to}, strides ${strides}, padding ${pad}`,
  inputs: [
    [1 + (at % 2), ...from, 3],
    [3, 2, 2, 3],
  ],
  compute: (x: tf.Tensor, filter: tf.Tensor) =>
    tf.conv2dTranspose(
      x as tf.Tensor4D,
      filter as tf.Tensor4D,
      [1 + (at % 2), ...to, 2] as [number, number, number, number],
      strides,
      pad,
    ),
}))

const image = (x: tf.Tensor) => x as tf.Tensor4D
const POOLING: KernelCase[] = SIZES.flatMap((size) =>
  (
    [
      { window: 2, strides: 2, pad: 'valid' },
      { window: 2, strides: 2, pad: 'same' },
      { window: [3, 2], strides: 1, pad: 'same' },
      { window: 3, strides: [2, 1], pad: 'valid' },
      { window: 3, strides: 2, pad: 1 },
      { window: 1, strides: 2, pad: 'valid' },
    ] as {
      window: number | [number, number]
      strides: number | [number, number]
      pad: 'same' | 'valid' | number
    }[]
  ).flatMap(({ window, strides, pad }) => [
    {
      name: `maxPool of [${size}], ${window} by ${strides}, padding ${pad}`,
      inputs: [[...size]],
      compute: (x: tf.Tensor) => tf.maxPool(image(x), window, strides, pad),
    },
    {
      name: `avgPool of [${size}], ${window} by ${strides}, padding ${pad}`,
      inputs: [[...size]],
      compute: (x: tf.Tensor) => tf.avgPool(image(x), window, strides, pad),
      gradient: pad === 'valid' ? ('tfjs' as const) : ('linear' as const),
    },
  ]),
)
const equals: KernelCase = {
  name: 'maxPool of equal pixels',
  inputs: [[2, 4, 4, 2]],
  compute: (x) => tf.maxPool(image(tf.relu(tf.sub(x, 0.5))), 2, 2, 'valid'),
}

const RESIZING: KernelCase[] = (
  [
    [[5, 4], [10, 8], false, false],
    [[5, 4], [7, 3], false, false],
    [[5, 4], [7, 9], true, false],
    [[5, 4], [10, 12], false, true],
    [[4, 4], [1, 1], true, false],
    [[1, 3], [2, 6], false, false],
  ] as [number[], [number, number], boolean, boolean][]
).flatMap(([from, to, alignCorners, halfPixelCenters]) => {
  const how = `from ${from} to ${to}${alignCorners ? ', corners aligned' : ''}${halfPixelCenters ? ', half pixels' : ''}`
  return [
    {
      name: `resizeNearestNeighbor ${how}`,
      inputs: [[2, ...from, 3]],
      compute: (x: tf.Tensor) => tf.image.resizeNearestNeighbor(image(x), to, alignCorners, halfPixelCenters),
      // tfjs's own takes images of a batch for those of another, and does not know half pixels
      gradient: 'linear' as const,
    },
    {
      name: `resizeBilinear ${how}`,
      inputs: [[2, ...from, 3]],
      compute: (x: tf.Tensor) => tf.image.resizeBilinear(image(x), to, alignCorners, halfPixelCenters),
      // nor that images need not be square
      gradient: 'linear' as const,
    },
  ]
})

const NORMALIZATION: KernelCase[] = [
  {
    name: 'batchNorm',
    inputs: [[2, 3, 4, 5], [5], [5], [5], [5]],
    compute: (x, mean, variance, offset, scale) =>
      tf.batchNorm(
        x as tf.Tensor4D,
        mean as tf.Tensor1D,
        variance as tf.Tensor1D,
        offset as tf.Tensor1D,
        scale as tf.Tensor1D,
        1e-3,
      ),
    ...positive,
  },
  {
    name: 'batchNorm of a matrix',
    inputs: [[6, 5], [5], [5], [5], [5]],
    compute: (x, mean, variance, offset, scale) =>
      tf.batchNorm(
        x as tf.Tensor2D,
        mean as tf.Tensor1D,
        variance as tf.Tensor1D,
        offset as tf.Tensor1D,
        scale as tf.Tensor1D,
        1e-3,
      ),
    ...positive,
  },
  {
    name: 'batchNorm without scale and offset',
    inputs: [[2, 3, 4, 5], [5], [5]],
    compute: (x, mean, variance) =>
      tf.batchNorm(x as tf.Tensor4D, mean as tf.Tensor1D, variance as tf.Tensor1D),
    ...positive,
    ...flat,
  },
]

/** Every operation that the recorded kernels serve, on odd shapes. */
export const KERNEL_CASES: KernelCase[] = [
  ...NUMBERS,
  ...ACTIVATIONS,
  ...PRODUCTS,
  ...FUSED,
  ...REDUCTIONS,
  ...SHAPING,
  ...convolutions,
  ...groupedConvolutions,
  ...moreConvolutions,
  ...transposedConvolutions,
  ...POOLING,
  equals,
  ...RESIZING,
  ...NORMALIZATION,
]
