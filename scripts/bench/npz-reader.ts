import { readFileSync } from 'node:fs'
import { inflateRawSync } from 'node:zlib'

/** An array of a .npz file, as doubles. */
export interface NpyArray {
  /** Row-major, whatever the file's order. */
  values: Float64Array
  shape: number[]
}

/** Reads the arrays of a .npz file (a zip of .npy files, stored or deflated), by name. */
export function readNpz(path: string): Map<string, NpyArray> {
  const bytes = readFileSync(path)
  const end = bytes.lastIndexOf('PK\x05\x06', undefined, 'latin1')
  if (end < 0) throw new Error(`${path} is not a zip file`)
  const arrays = new Map<string, NpyArray>()
  let at = bytes.readUInt32LE(end + 16)
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    const method = bytes.readUInt16LE(at + 10)
    const size = bytes.readUInt32LE(at + 20)
    const nameLength = bytes.readUInt16LE(at + 28)
    const name = bytes.toString('utf8', at + 46, at + 46 + nameLength)
    const local = bytes.readUInt32LE(at + 42)
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28)
    const content = bytes.subarray(start, start + size)
    if (method !== 0 && method !== 8) throw new Error(`${path}: "${name}" is packed in way ${method}`)
    arrays.set(name.replace(/\.npy$/, ''), readNpy(method === 8 ? inflateRawSync(content) : content))
    at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32)
  }
  return arrays
}

const READERS: Record<string, [bytes: number, read: (view: DataView, at: number) => number]> = {
  '<f4': [4, (view, at) => view.getFloat32(at, true)],
  '<f8': [8, (view, at) => view.getFloat64(at, true)],
  '<i2': [2, (view, at) => view.getInt16(at, true)],
  '<u2': [2, (view, at) => view.getUint16(at, true)],
  '<i4': [4, (view, at) => view.getInt32(at, true)],
  '<i8': [8, (view, at) => Number(view.getBigInt64(at, true))],
  '|i1': [1, (view, at) => view.getInt8(at)],
  '|u1': [1, (view, at) => view.getUint8(at)],
  '|b1': [1, (view, at) => view.getUint8(at)],
}

/** NumPy's format 1 or 2: a header of Python, then the numbers. */
function readNpy(bytes: Buffer): NpyArray {
  const wide = bytes[6] !== 1
  const headerAt = wide ? 12 : 10
  const headerEnd = headerAt + (wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8))
  const header = bytes.toString('latin1', headerAt, headerEnd)
  const type = /'descr': '([^']+)'/.exec(header)?.[1] ?? 'none'
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '').split(',').filter(Boolean).map(Number)
  const reader = READERS[type]
  if (reader === undefined) throw new Error(`numbers of type ${type} are not read`)
  const [size, read] = reader
  const view = new DataView(bytes.buffer, bytes.byteOffset + headerEnd)
  const count = shape.reduce((product, length) => product * length, 1)
  const values = Float64Array.from({ length: count }, (_, i) => read(view, i * size))
  const [rows = 1, columns = 1] = shape
  if (!header.includes("'fortran_order': True") || shape.length < 2) return { values, shape }
  const turned = values.map((_, i) => values[(i % columns) * rows + Math.floor(i / columns)] as number)
  return { values: turned, shape }
}
