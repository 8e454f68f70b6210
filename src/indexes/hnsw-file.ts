import { type FileHandle, open } from 'node:fs/promises'
import {
  HEADER_BYTES,
  type HnswFile,
  type Layout,
  read,
  readInto,
  readLayout,
  readLevels,
  refuse,
} from './hnsw-layout.js'
import { readIndexFile } from './read-index-file.js'

const BLOCK_BYTES = 1 << 20
/** In the third byte of an element, of which hnswlib uses the first bit only. */
const DELETE_MARK = 1
const APART_MARK = 2

/** Every element of a file. */
export interface HnswElements {
  labels: Uint32Array
  /** 1 where the element is marked deleted. */
  dead: Uint8Array
  /** Labels that {@link markApart} marked. */
  apart: number[]
}

/**
 * Checks a file's header, and that its parts add up to its length.
 *
 * @param dim numbers an element holds
 * @throws EngineError INDEX_INVALID
 */
export async function checkHnswFile(path: string, dim: number): Promise<HnswFile> {
  return inspect(path, dim, async (_file, { count, capacity, m, efConstruction, bytes }) => {
    return { count, capacity, m, efConstruction, bytes }
  })
}

/**
 * Reads everything of a file that hnswlib would trust blindly: a link to an element that is not there crashes it.
 * Numbers of vectors are left alone; a checksum is what guards them.
 *
 * @returns the elements by ascending label
 * @throws EngineError INDEX_INVALID
 */
export async function readHnswFile(path: string, dim: number): Promise<HnswFile & HnswElements> {
  return inspect(path, dim, async (file, layout, levels) => {
    const elements = byLabel(await readElements(file, layout))
    const { count, capacity, m, efConstruction, bytes } = layout
    await checkUpperLinks(file, layout, levels)
    return { count, capacity, m, efConstruction, bytes, ...elements }
  })
}

/** Marks elements of a file in a bit that hnswlib carries along and does not read. */
export async function markApart(path: string, dim: number, marked: ReadonlySet<number>): Promise<void> {
  if (marked.size === 0) return
  const places = await inspect(path, dim, async (file, layout) => {
    const { labels } = await readElements(file, layout)
    return Array.from(labels.keys())
      .filter((element) => marked.has(labels[element] as number))
      .map((element) => HEADER_BYTES + element * layout.elementBytes + 2)
  })
  const file = await open(path, 'r+')
  try {
    const byte = new Uint8Array(1)
    for (const place of places) {
      await file.read(byte, 0, 1, place)
      byte[0] = (byte[0] as number) | APART_MARK
      await file.write(byte, 0, 1, place)
    }
  } finally {
    await file.close()
  }
}

function inspect<T>(
  path: string,
  dim: number,
  then: (file: FileHandle, layout: Layout, levels: Uint8Array) => Promise<T>,
): Promise<T> {
  return readIndexFile(path, async (file) => {
    const layout = await readLayout(file, dim)
    return then(file, layout, await readLevels(file, layout))
  })
}

async function readElements(file: FileHandle, layout: Layout): Promise<HnswElements> {
  const { count, elementBytes, m } = layout
  const labels = new Uint32Array(count)
  const dead = new Uint8Array(count)
  const apart: number[] = []
  const words = elementBytes / 4
  const step = Math.max(1, Math.floor(BLOCK_BYTES / elementBytes))
  // one block for all: a fresh one each would be megabytes of garbage
  const block = new Uint8Array(Math.min(step, count) * elementBytes)
  const numbers = new Uint32Array(block.buffer)
  for (let first = 0; first < count; first += step) {
    const some = Math.min(step, count - first)
    await readInto(block.subarray(0, some * elementBytes), file, HEADER_BYTES + first * elementBytes)
    for (let i = 0; i < some; i++) {
      const at = i * words
      const head = numbers[at] as number
      const links = head & 0xffff
      if (links > 2 * m) refuse(`element ${first + i} has ${links} links`)
      for (let j = 1; j <= links; j++)
        if ((numbers[at + j] as number) >= count)
          refuse(`element ${first + i} links to one that is not there`)
      if (numbers[at + words - 1] !== 0) refuse(`element ${first + i} has a label above 2^32`)
      dead[first + i] = (head >>> 16) & DELETE_MARK
      const label = numbers[at + words - 2] as number
      labels[first + i] = label
      if ((head >>> 16) & APART_MARK) apart.push(label)
    }
  }
  return { labels, dead, apart }
}

async function checkUpperLinks(file: FileHandle, layout: Layout, levels: Uint8Array): Promise<void> {
  const { count, elementBytes, m, bytes } = layout
  const start = HEADER_BYTES + count * elementBytes
  const tail = await read(file, start, bytes - start)
  const numbers = new Uint32Array(tail.buffer, tail.byteOffset, tail.length / 4)
  let at = 0
  for (let element = 0; element < count; element++) {
    at++
    for (let level = 1; level <= (levels[element] as number); level++) {
      const links = (numbers[at] as number) & 0xffff
      if (links > m) refuse(`element ${element} has ${links} links on level ${level}`)
      for (let j = 1; j <= links; j++) {
        const to = levels[numbers[at + j] as number]
        if (to === undefined || to < level) refuse(`element ${element} links to one that is not there`)
      }
      at += m + 1
    }
  }
}

/** Sorted natively, with the mark in the lowest bit, and by plain loops: callbacks would take ten times as long. */
function byLabel({ labels, dead, apart }: HnswElements): HnswElements {
  const both = new Float64Array(labels.length)
  for (let i = 0; i < both.length; i++) both[i] = 2 * (labels[i] as number) + (dead[i] as number)
  both.sort()
  const sorted = { labels: new Uint32Array(both.length), dead: new Uint8Array(both.length), apart }
  for (let i = 0; i < both.length; i++) {
    const mark = (both[i] as number) % 2
    sorted.dead[i] = mark
    sorted.labels[i] = ((both[i] as number) - mark) / 2
    if (i > 0 && sorted.labels[i] === sorted.labels[i - 1]) refuse('a label is there twice')
  }
  return sorted
}
