import { type PairSum, simdModule } from './simd-module.js'

/** Bytes of a page of WebAssembly's memory. */
export const PAGE = 65_536

/** WebAssembly as far as it is used: Node's types leave it out. */
interface Wasm {
  Memory: new (options: { initial: number }) => { buffer: ArrayBuffer }
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { exports: Record<string, unknown> }
}

/** See {@link simdModule}; places and lengths in bytes. */
export type Run = (a: number, b: number, out: number, count: number, bytes: number) => void

const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly
const modules = new Map<PairSum, object>()

/** The kernel over a memory of its own, which is freed when neither is held any more. */
export function simdKernel(sum: PairSum, pages: number): { memory: Float32Array; run: Run } {
  const memory = new Memory({ initial: pages })
  const module = modules.get(sum) ?? new Module(simdModule(sum))
  modules.set(sum, module)
  const run = new Instance(module, { env: { memory } }).exports.run as Run
  return { memory: new Float32Array(memory.buffer), run }
}
