import { EngineError } from '../core/errors.js'

/** Numbers as bytes, float32 little-endian: what a detector's files hold. */
export function packFloats(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(4 * values.length)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < values.length; i++) view.setFloat32(4 * i, values[i] as number, true)
  return bytes
}

/**
 * The opposite of {@link packFloats}.
 *
 * @param length how many there must be
 * @throws EngineError ENCODER_INVALID if the file is missing or of another length
 */
export function unpackFloats(files: Record<string, Uint8Array>, name: string, length?: number): Float32Array {
  const bytes = files[name]
  if (bytes === undefined || bytes.length % 4 !== 0 || (length ?? bytes.length / 4) !== bytes.length / 4) {
    const found = bytes === undefined ? 'missing' : `${bytes.length} bytes long`
    const expected = length === undefined ? 'float32 numbers' : `${4 * length} bytes`
    throw new EngineError(
      'ENCODER_INVALID',
      `the detectors' file "${name}" is ${found}, expected ${expected}; fit the detectors again`,
    )
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true))
}
