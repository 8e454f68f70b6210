/** Bytes of vectors in one chunk, at most, unless 64 rows need more. Untouched pages cost no memory. */
const CHUNK_BYTES = 8 << 20
const MAX_CHUNK_ROWS = 4096
const MIN_CHUNK_ROWS = 64

/** Bytes of one row beside its vector: norm, label, item, passage, dead flag. */
const ROW_OVERHEAD = 8 + 4 + 4 + 4 + 1

/** A fixed number of rows side by side in one shared buffer. */
export interface TableChunk {
  readonly buffer: SharedArrayBuffer
  /** L2 norms, so that cosine need not compute them again. */
  readonly norms: Float64Array
  /** Row-major, shape [rows, dim]. */
  readonly vectors: Float32Array
  readonly labels: Uint32Array
  readonly items: Uint32Array
  readonly passages: Uint32Array
  /** 1 where the row was killed; every thread sees it. */
  readonly dead: Uint8Array
}

/** How many rows a chunk of a table has: a power of two, about 8 MB of vectors. */
export function chunkRowsFor(dim: number): number {
  const fitting = 2 ** Math.floor(Math.log2(CHUNK_BYTES / (dim * 4)))
  return Math.min(MAX_CHUNK_ROWS, Math.max(MIN_CHUNK_ROWS, fitting))
}

export function createChunk(dim: number, rows: number): TableChunk {
  return openChunk(new SharedArrayBuffer(rows * (ROW_OVERHEAD + dim * 4)), dim, rows)
}

/** Views over a buffer that {@link createChunk} laid out, in whichever thread. */
export function openChunk(buffer: SharedArrayBuffer, dim: number, rows: number): TableChunk {
  let at = 0
  const next = (bytes: number): number => {
    const start = at
    at += bytes
    return start
  }
  return {
    buffer,
    norms: new Float64Array(buffer, next(rows * 8), rows),
    vectors: new Float32Array(buffer, next(rows * dim * 4), rows * dim),
    labels: new Uint32Array(buffer, next(rows * 4), rows),
    items: new Uint32Array(buffer, next(rows * 4), rows),
    passages: new Uint32Array(buffer, next(rows * 4), rows),
    dead: new Uint8Array(buffer, next(rows), rows),
  }
}
