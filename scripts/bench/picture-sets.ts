import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { ImageSource } from '#src/encoders/images/fit-image-encoder.js'
import { encodePng } from '#src/images/encode-png.js'
import { renderImage } from '#src/images/render-image.js'

/** Pictures as the engine stores them, with what they show. */
export interface PictureSet {
  /** Renditions. */
  files: Uint8Array[]
  labels: string[]
  /** Shape [count, size, size], 0 to 255, of grey sets; of photos nothing. */
  pixels: Uint8Array
}

/** Reads IDX files of pictures and labels, compressed by gzip; of the labels as many as there are pictures. */
export async function readIdxSet(images: string, labels: string): Promise<PictureSet> {
  const packed = gunzipSync(readFileSync(images))
  const [count, height, width] = [4, 8, 12].map((at) => packed.readUInt32BE(at)) as [number, number, number]
  const pixels = new Uint8Array(packed.subarray(16))
  const size = width * height
  const files: Uint8Array[] = []
  for (let i = 0; i < count; i++) {
    const values = pixels.subarray(i * size, (i + 1) * size)
    files.push(await encodePng({ width, height, channels: 1, values }))
  }
  const names = gunzipSync(readFileSync(labels)).subarray(8, 8 + count)
  return { files, labels: Array.from(names, String), pixels }
}

/** Some pictures of a set, by their places. */
export function subset(set: PictureSet, rows: readonly number[]): PictureSet {
  const size = set.pixels.length / set.files.length
  const pixels = new Uint8Array(rows.length * size)
  rows.forEach((row, i) => {
    pixels.set(set.pixels.subarray(row * size, (row + 1) * size), i * size)
  })
  const pick = <T>(of: readonly T[]): T[] => rows.map((row) => of[row] as T)
  return { files: pick(set.files), labels: pick(set.labels), pixels }
}

/** Whole numbers from `from` up to but not `to`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}

/** Reads a folder of folders of photos, each named as what they show. */
export async function readPhotos(folder: string): Promise<PictureSet> {
  const files: Uint8Array[] = []
  const labels: string[] = []
  const classes = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  for (const { name } of classes.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const file of readdirSync(join(folder, name)).sort()) {
      files.push((await renderImage(readFileSync(join(folder, name, file)))).rendition.bytes)
      labels.push(name)
    }
  }
  return { files, labels, pixels: new Uint8Array() }
}

/** What `fitImageEncoder` takes. */
export function sourceOf({ files }: PictureSet): ImageSource {
  return {
    count: files.length,
    async *batches() {
      for (let from = 0; from < files.length; from += 256) yield files.slice(from, from + 256)
    },
  }
}
