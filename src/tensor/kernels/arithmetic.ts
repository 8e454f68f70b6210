import type { ClipByValueAttrs, DataType, TensorInfo } from '@tensorflow/tfjs-core'
import type { Recording } from '../recording.js'
import { type KernelTable, kernel, listKernel, type RecordedKernel } from './kernel.js'

/**
 * A node of two operands that gives numbers of their own kind.
 *
 * @param options.fold what it gives for two known numbers
 * @param options.neutral the number that, on the right, changes nothing; on the left neither where `swaps` is true
 */
function binary(
  opType: string,
  {
    fold,
    neutral,
    swaps,
  }: { fold?: (a: number, b: number) => number; neutral?: number; swaps?: boolean } = {},
): RecordedKernel {
  return kernel(['a', 'b'], ({ a, b }, _attrs, recording) => {
    const [left, right] = [recording.scalar(a), recording.scalar(b)]
    if (a.dtype === 'float32') {
      const shape = recording.broadcast(a.shape, b.shape)
      if (fold && left !== undefined && right !== undefined)
        return recording.fill(shape, fold(left, right), a.dtype)
      if (neutral !== undefined && right === neutral) return recording.expand(a, shape)
      if (neutral !== undefined && swaps && left === neutral) return recording.expand(b, shape)
    }
    return recording.elementwise(opType, [a, b], a.dtype)
  })
}

function compare(opType: string): RecordedKernel {
  return kernel(['a', 'b'], ({ a, b }, _attrs, recording) => recording.elementwise(opType, [a, b], 'bool'))
}

function unary(opType: string, dtype?: DataType): RecordedKernel {
  return kernel(['x'], ({ x }, _attrs, recording) => recording.elementwise(opType, [x], dtype ?? x.dtype))
}

/** A kernel that is a formula of others. */
function formula(compute: (x: TensorInfo, recording: Recording) => TensorInfo): RecordedKernel {
  return kernel(['x'], ({ x }, _attrs, recording) => compute(x, recording))
}

/** floor(a / b) in float32. */
function floorOfQuotient(a: TensorInfo, b: TensorInfo, recording: Recording): TensorInfo {
  const quotient = recording.elementwise(
    'Div',
    [recording.cast(a, 'float32'), recording.cast(b, 'float32')],
    'float32',
  )
  return recording.elementwise('Floor', [quotient], 'float32')
}

/** Arithmetic, comparison and choice, number by number. */
export const ARITHMETIC: KernelTable = {
  Add: binary('Add', { fold: (a, b) => a + b, neutral: 0, swaps: true }),
  Sub: binary('Sub', { fold: (a, b) => a - b, neutral: 0 }),
  Multiply: binary('Mul', { fold: (a, b) => a * b, neutral: 1, swaps: true }),
  RealDiv: binary('Div', { fold: (a, b) => a / b, neutral: 1 }),
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  Pow: binary('Pow'),
  FloorDiv: kernel(['a', 'b'], ({ a, b }, _attrs, recording) =>
    recording.cast(floorOfQuotient(a, b, recording), 'int32'),
  ),
  // ONNX's Mod takes the dividend's sign for floats, tfjs the divisor's
  Mod: kernel(['a', 'b'], ({ a, b }, _attrs, recording) => {
    if (a.dtype !== 'float32') return recording.elementwise('Mod', [a, b], a.dtype)
    const whole = recording.elementwise('Mul', [floorOfQuotient(a, b, recording), b], 'float32')
    return recording.elementwise('Sub', [a, whole], 'float32')
  }),
  SquaredDifference: kernel(['a', 'b'], ({ a, b }, _attrs, recording) => {
    const difference = recording.elementwise('Sub', [a, b], a.dtype)
    return recording.elementwise('Mul', [difference, difference], a.dtype)
  }),
  AddN: listKernel((terms, _attrs, recording) =>
    terms.reduce((sum, term) => recording.elementwise('Add', [sum, term], term.dtype)),
  ),

  Equal: compare('Equal'),
  NotEqual: kernel(['a', 'b'], ({ a, b }, _attrs, recording) =>
    recording.elementwise('Not', [recording.elementwise('Equal', [a, b], 'bool')], 'bool'),
  ),
  Greater: compare('Greater'),
  GreaterEqual: compare('GreaterOrEqual'),
  Less: compare('Less'),
  LessEqual: compare('LessOrEqual'),
  LogicalAnd: compare('And'),
  LogicalOr: compare('Or'),
  LogicalNot: unary('Not', 'bool'),
  Select: kernel(['condition', 't', 'e'], ({ condition, t, e }, _attrs, recording) =>
    recording.elementwise('Where', [condition, t, e], t.dtype),
  ),
  ClipByValue: kernel<'x', ClipByValueAttrs>(['x'], ({ x }, { clipValueMin, clipValueMax }, recording) => {
    const low = recording.fill([], clipValueMin, x.dtype)
    return recording.elementwise('Clip', [x, low, recording.fill([], clipValueMax, x.dtype)], x.dtype)
  }),

  Abs: unary('Abs'),
  Ceil: unary('Ceil'),
  Cos: unary('Cos'),
  Exp: unary('Exp'),
  Floor: unary('Floor'),
  IsNan: unary('IsNaN', 'bool'),
  Log: unary('Log'),
  Neg: unary('Neg'),
  Reciprocal: unary('Reciprocal'),
  Round: unary('Round'),
  Sign: unary('Sign'),
  Sin: unary('Sin'),
  Sqrt: unary('Sqrt'),
  Expm1: formula((x, recording) =>
    recording.elementwise(
      'Sub',
      [recording.elementwise('Exp', [x], 'float32'), recording.number(1)],
      'float32',
    ),
  ),
  Log1p: formula((x, recording) =>
    recording.elementwise(
      'Log',
      [recording.elementwise('Add', [x, recording.number(1)], 'float32')],
      'float32',
    ),
  ),
  Rsqrt: formula((x, recording) =>
    recording.elementwise('Reciprocal', [recording.elementwise('Sqrt', [x], 'float32')], 'float32'),
  ),
  Square: formula((x, recording) => recording.elementwise('Mul', [x, x], x.dtype)),
}
