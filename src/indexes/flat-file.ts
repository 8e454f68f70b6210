import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { METRICS, type Metric } from '../core/metrics.js'
import { readIndexFile } from './read-index-file.js'
import { replaceFile } from './replace-file.js'
import { VectorTable } from './vector-table.js'

const MAGIC = 0x4b4e4446 // "KNDF"
const VERSION = 1
const HEADER_BYTES = 32
const CHECKSUM_BYTES = 32
const BLOCK_ROWS = 1024

/**
 * Writes the live rows of a table. Little-endian: a header of magic, version, metric, dim, rows (uint32 each) and the
 * last label (int64); blocks of up to 1,024 rows, each its labels, items, passages (uint32) and vectors (float32); the
 * SHA-256 of all that. Dead labels need not be kept: whatever is not above the last label is known to be used.
 *
 * @throws EngineError DISK_FULL, HOME_NOT_WRITABLE
 */
export async function writeFlatFile(path: string, table: VectorTable, metric: Metric): Promise<void> {
  const rows: number[] = []
  for (let row = 0; row < table.rows; row++) if (table.isLive(row)) rows.push(row)
  const header = new DataView(new ArrayBuffer(HEADER_BYTES))
  const words = [MAGIC, VERSION, METRICS.indexOf(metric), table.dim, rows.length]
  words.forEach((word, i) => {
    header.setUint32(4 * i, word, true)
  })
  header.setBigInt64(24, BigInt(table.lastLabel), true)
  await replaceFile(path, async (temporary) => {
    const hash = createHash('sha256')
    const file = await open(temporary, 'w')
    try {
      const write = async (bytes: Uint8Array): Promise<void> => {
        hash.update(bytes)
        await file.writeFile(bytes)
      }
      await write(new Uint8Array(header.buffer))
      for (let first = 0; first < rows.length; first += BLOCK_ROWS)
        await write(packBlock(table, rows.slice(first, first + BLOCK_ROWS)))
      await file.writeFile(hash.digest())
    } finally {
      await file.close()
    }
  })
}

/** Reads what {@link writeFlatFile} wrote. @throws EngineError INDEX_INVALID */
export function readFlatFile(path: string, expected: { metric: Metric; dim: number }): Promise<VectorTable> {
  return readIndexFile(path, (file) => readTable(file, expected))
}

async function readTable(file: FileHandle, expected: { metric: Metric; dim: number }): Promise<VectorTable> {
  const { size } = await file.stat()
  if (size < HEADER_BYTES + CHECKSUM_BYTES) throw new Error(`it has only ${size} bytes`)
  const hash = createHash('sha256')
  let position = 0
  const read = async (length: number): Promise<Uint8Array> => {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; ) {
      const { bytesRead } = await file.read(bytes, at, length - at, position + at)
      if (bytesRead === 0) throw new Error('it ends too early')
      at += bytesRead
    }
    position += length
    return bytes
  }
  const start = await read(HEADER_BYTES)
  hash.update(start)
  const header = new DataView(start.buffer)
  const [magic, version, metric, dim, rows] = [0, 4, 8, 12, 16].map((at) => header.getUint32(at, true))
  if (magic !== MAGIC || version !== VERSION) throw new Error('it does not begin as one')
  if (dim !== expected.dim || METRICS[metric ?? -1] !== expected.metric)
    throw new Error(
      `it is of ${METRICS[metric ?? -1]} in ${dim} dimensions, not ${expected.metric} in ${expected.dim}`,
    )
  const rowBytes = 12 + 4 * expected.dim
  const length = HEADER_BYTES + (rows ?? 0) * rowBytes + CHECKSUM_BYTES
  if (size !== length) throw new Error(`it has ${size} bytes, expected ${length}`)
  const table = new VectorTable(expected.dim)
  for (let left = rows ?? 0; left > 0; left -= BLOCK_ROWS) {
    const count = Math.min(left, BLOCK_ROWS)
    const block = await read(count * rowBytes)
    hash.update(block)
    const [labels, items, passages] = [0, 1, 2].map(
      (i) => new Uint32Array(block.buffer, 4 * i * count, count),
    )
    if (labels && items && passages)
      table.appendMany(labels, items, passages, new Float32Array(block.buffer, 12 * count))
  }
  if (Buffer.compare(hash.digest(), await read(CHECKSUM_BYTES)) !== 0)
    throw new Error('its checksum is wrong')
  table.retireUpTo(Number(header.getBigInt64(24, true)))
  return table
}

function packBlock(table: VectorTable, rows: readonly number[]): Uint8Array {
  const count = rows.length
  const block = new ArrayBuffer(count * (12 + 4 * table.dim))
  const numbers = new Uint32Array(block, 0, 3 * count)
  const vectors = new Float32Array(block, 12 * count)
  rows.forEach((row, i) => {
    numbers[i] = table.labelAt(row)
    numbers[count + i] = table.itemAt(row)
    numbers[2 * count + i] = table.passageAt(row)
    vectors.set(table.vector(row), i * table.dim)
  })
  return new Uint8Array(block)
}
