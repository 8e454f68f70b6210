import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import sharp from 'sharp'
import { seededRandom } from '#src/core/random.js'
import { shuffled } from './shuffled.js'

/** A photo, or what a change made of it. */
export interface Version {
  /** Number of the photo. */
  photo: number
  /** `original`, or the change. */
  change: string
  bytes: Uint8Array
}

/** What is done to each photo. */
export const CHANGES: Record<string, (bytes: Uint8Array) => Promise<Uint8Array>> = {
  'JPEG q 40': (bytes) => sharp(bytes).jpeg({ quality: 40 }).toBuffer(),
  'half size': async (bytes) => {
    const { width } = await sharp(bytes).metadata()
    return sharp(bytes)
      .resize(Math.round(width / 2))
      .jpeg({ quality: 90 })
      .toBuffer()
  },
  // 5 % at each rim
  'crop 5 %': async (bytes) => {
    const { width, height } = await sharp(bytes).metadata()
    const [left, top] = [Math.round(width * 0.05), Math.round(height * 0.05)]
    const inner = { left, top, width: width - 2 * left, height: height - 2 * top }
    return sharp(bytes).extract(inner).jpeg({ quality: 90 }).toBuffer()
  },
  'brightness +15 %': (bytes) => sharp(bytes).linear(1.15, 0).jpeg({ quality: 90 }).toBuffer(),
  // the canvas grows, its corners are black
  'rotation 2°': (bytes) => sharp(bytes).rotate(2, { background: '#000' }).jpeg({ quality: 90 }).toBuffer(),
}

/** All photos below a folder, in an order drawn from a seed. */
export function shuffledPhotos(folder: string, seed: number): string[] {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(jpe?g|png)$/i.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
  return shuffled(found, seededRandom(seed))
}

/** Each photo and what the changes make of it. */
export async function versionsOf(paths: readonly string[]): Promise<Version[]> {
  const versions: Version[] = []
  for (const [photo, path] of paths.entries()) {
    versions.push(...(await changesOf(photo, new Uint8Array(await readFile(path)))))
  }
  return versions
}

/** The first pictures of an IDX file as PNGs, each tenth of them with what the changes make of it. */
export async function versionsOfIdx(path: string, count: number): Promise<Version[]> {
  const idx = gunzipSync(await readFile(path))
  const [height, width] = [idx.readUInt32BE(8), idx.readUInt32BE(12)]
  const versions: Version[] = []
  for (let photo = 0; photo < count; photo++) {
    const values = idx.subarray(16 + photo * width * height, 16 + (photo + 1) * width * height)
    const image = sharp(values, { raw: { width, height, channels: 1 } })
    const bytes = new Uint8Array(await image.png().toBuffer())
    versions.push(
      ...(photo % 10 === 0 ? await changesOf(photo, bytes) : [{ photo, change: 'original', bytes }]),
    )
  }
  return versions
}

async function changesOf(photo: number, bytes: Uint8Array): Promise<Version[]> {
  const versions: Version[] = [{ photo, change: 'original', bytes }]
  for (const [change, make] of Object.entries(CHANGES)) {
    versions.push({ photo, change, bytes: new Uint8Array(await make(bytes)) })
  }
  return versions
}
