import sharp from 'sharp'

/** What others compare pictures by; larger is more alike. */
export interface Peer {
  name: string
  make(bytes: Uint8Array): Promise<Float32Array>
  score(a: Float32Array, b: Float32Array): number
}

/** Cosine of 32 x 32 grey pixels less their mean. */
const PIXELS: Peer = {
  name: 'pixel cosine (32 x 32, less the mean)',
  async make(bytes) {
    const grey = await greyOf(bytes, 32, 32)
    const mean = grey.reduce((sum, value) => sum + value, 0) / grey.length
    const centred = grey.map((value) => value - mean)
    const length = Math.hypot(...centred) || 1
    return centred.map((value) => value / length)
  },
  score: (a, b) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0),
}

/** Whether each of 9 x 8 pixels is darker than its neighbour: 64 bits (Krawetz). */
const DIFFERENCES: Peer = {
  name: 'dHash (64 bits)',
  async make(bytes) {
    const grey = await greyOf(bytes, 9, 8)
    return Float32Array.from({ length: 64 }, (_, i) => {
      const at = Math.floor(i / 8) * 9 + (i % 8)
      return Number((grey[at] ?? 0) < (grey[at + 1] ?? 0))
    })
  },
  score: agreement,
}

/** Whether each of the 8 x 8 lowest cosines of 32 x 32 pixels is above their median: 64 bits (Zauner 2010). */
const COSINES: Peer = {
  name: 'pHash (64 bits)',
  async make(bytes) {
    const grey = await greyOf(bytes, 32, 32)
    const basis = Array.from({ length: 8 }, (_, k) =>
      Float32Array.from({ length: 32 }, (__, x) => Math.cos((Math.PI * (k + 1) * (2 * x + 1)) / 64)),
    )
    const values = new Float32Array(64)
    for (let i = 0; i < 64; i++) {
      const [v, u] = [basis[i >> 3] ?? [], basis[i & 7] ?? []]
      for (let at = 0; at < grey.length; at++) {
        values[i] = (values[i] ?? 0) + (grey[at] ?? 0) * (v[at >> 5] ?? 0) * (u[at & 31] ?? 0)
      }
    }
    const median = [...values].sort((a, b) => a - b)[32] ?? 0
    return values.map((value) => Number(value > median))
  },
  score: agreement,
}

export const PEERS: readonly Peer[] = [PIXELS, DIFFERENCES, COSINES]

function agreement(a: Float32Array, b: Float32Array): number {
  let same = 0
  for (let i = 0; i < a.length; i++) if (a[i] === b[i]) same++
  return same / a.length
}

async function greyOf(bytes: Uint8Array, width: number, height: number): Promise<Float32Array> {
  const raw = await sharp(bytes)
    .flatten({ background: '#fff' })
    .greyscale()
    .resize(width, height, { fit: 'fill' })
    .raw()
    .toBuffer()
  return Float32Array.from(raw)
}
