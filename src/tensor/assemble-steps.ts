import type { GraphRecorder } from './graph-recorder.js'
import type { NoiseSource } from './noise.js'
import {
  DataType,
  makeGraph,
  makeModel,
  makeNode,
  makeValueInfo,
  type ValueInfoProto,
  writeModel,
} from './onnx-file.js'

/** The version of ONNX's operators that we write, and the version of the file format that came with it. */
export const ONNX_VERSION = { opset: 17, irVersion: 8, producer: 'kindred' } as const

/** A value that a program takes before the first step and, where it trains, gives after the last. */
export interface ProgramState {
  name: string
  shape: readonly number[]
}

/** What a recorded step reads and gives. */
export interface RecordedStep {
  states: readonly ProgramState[]
  /** Whether the step gives new states. */
  trains: boolean
  stepInputs: readonly string[]
  noise: readonly NoiseSource[]
  metrics: readonly string[]
  /** Names in the graph: the new states, if it trains, then the metrics. */
  outputs: readonly string[]
  batch: number
  /** Numbers of an image. */
  pixels: number
}

/** The name of a state among a program's inputs. */
export function stateInput(name: string, trains: boolean): string {
  return trains ? `in/${name}` : `state/${name}`
}

/**
 * Puts a recorded step into a `Scan` over steps, which carries the states from one to the next. Constants lie outside of
 * it, so that they are made once.
 */
export function assembleSteps(graph: GraphRecorder, step: RecordedStep): Uint8Array {
  const { states, trains, metrics, noise } = step
  const carried = trains ? states : []
  const scanned = [
    { name: 'rows', outer: 'rows', type: DataType.INT32, dims: [step.batch] },
    ...step.stepInputs.map((name) => ({ name, outer: name, type: DataType.FLOAT, dims: [] })),
    ...noise.map(({ name, rows }) => ({
      name: `noise/${name}`,
      outer: `noise/${name}/rows`,
      type: DataType.INT32,
      dims: [rows],
    })),
  ]
  const outputs = ownNames(graph, step.outputs)
  const body = makeGraph('step', {
    node: graph.needed(outputs),
    input: [
      ...carried.map(({ name, shape }) => makeValueInfo(`state/${name}`, DataType.FLOAT, shape)),
      ...scanned.map(({ name, type, dims }) => makeValueInfo(`step/${name}`, type, dims)),
    ],
    output: outputs.map((name, at) => makeValueInfo(name, DataType.FLOAT, carried[at]?.shape ?? [])),
  })
  const scan = makeNode(
    'Scan',
    [...carried.map(({ name }) => stateInput(name, trains)), ...scanned.map(({ outer }) => outer)],
    [...carried.map(({ name }) => `out/${name}`), ...metrics],
    { attributes: { body, num_scan_inputs: scanned.length } },
  )
  const input: ValueInfoProto[] = [
    makeValueInfo('images', DataType.UINT8, ['images', step.pixels]),
    ...scanned.map(({ outer, type, dims }) => makeValueInfo(outer, type, ['steps', ...dims])),
    ...noise.map(({ name, bankRows, width }) =>
      makeValueInfo(`noise/${name}`, DataType.FLOAT, [bankRows, width]),
    ),
    ...states.map(({ name, shape }) => makeValueInfo(stateInput(name, trains), DataType.FLOAT, shape)),
  ]
  const output = [
    ...carried.map(({ name, shape }) => makeValueInfo(`out/${name}`, DataType.FLOAT, shape)),
    ...metrics.map((name) => makeValueInfo(name, DataType.FLOAT, ['steps'])),
  ]
  const initializer = graph.constants(outputs)
  return writeModel(makeModel(makeGraph('steps', { node: [scan], input, output, initializer }), ONNX_VERSION))
}

/** Gives each output a name of its own that a node of the graph makes: inputs, constants and doubles are passed on. */
export function ownNames(graph: GraphRecorder, outputs: readonly string[]): string[] {
  const made = new Set(graph.nodes.flatMap((node) => node.output))
  return outputs.map((name) => {
    if (made.delete(name)) return name
    return graph.pass(name)
  })
}
