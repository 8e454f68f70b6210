import type { NamedAttrMap, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs-core'
import { EngineError } from '../../core/errors.js'
import type { Recording } from '../recording.js'

/** Writes one call of a tfjs kernel down as ONNX nodes. */
export type RecordedKernel = (
  inputs: NamedTensorInfoMap,
  attrs: NamedAttrMap,
  recording: Recording,
) => TensorInfo | TensorInfo[]

/** Kernels by tfjs's names. */
export type KernelTable = Readonly<Record<string, RecordedKernel>>

/** What a kernel's inputs are called; `name?` for one that may be absent. */
type Inputs<Names extends string> = {
  [Name in Names as Name extends `${string}?` ? never : Name]: TensorInfo
} & { [Name in Names as Name extends `${infer Bare}?` ? Bare : never]?: TensorInfo }

/**
 * A kernel whose named inputs are there, with tfjs's type of its attributes.
 *
 * @param names of the inputs, `x` or, where it may be absent, `x?`
 */
export function kernel<const Name extends string, Attrs = object>(
  names: readonly Name[],
  record: (inputs: Inputs<Name>, attrs: Attrs, recording: Recording) => TensorInfo | TensorInfo[],
): RecordedKernel {
  return (inputs, attrs, recording) => {
    for (const name of names) {
      if (!name.endsWith('?') && !inputs[name])
        throw new EngineError('INTERNAL', `a kernel lacks its input ${name}`)
    }
    // tfjs declares attributes of all kernels as one loose map; its own kernels narrow them like this too
    return record(inputs as Inputs<Name>, attrs as unknown as Attrs, recording)
  }
}

/** A kernel that takes a list of tensors. */
export function listKernel<Attrs = object>(
  record: (inputs: TensorInfo[], attrs: Attrs, recording: Recording) => TensorInfo | TensorInfo[],
): RecordedKernel {
  return (inputs, attrs, recording) =>
    record(
      Object.values(inputs).filter((input) => input !== undefined),
      attrs as unknown as Attrs,
      recording,
    )
}
