import { type FileHandle, open } from 'node:fs/promises'
import { readIndexFile } from './read-index-file.js'

/** The fixed part in front, as `HierarchicalNSW::saveIndex` of hnswlib 0.8 writes it on a 64-bit little-endian machine. */
const HEADER_BYTES = 96
const BLOCK_BYTES = 1 << 20
/** In the third byte of an element, of which hnswlib uses the first bit only. */
const DELETE_MARK = 1
const APART_MARK = 2

/** What a file of hnswlib says about itself. */
export interface HnswFile {
  /** Elements, dead ones included. */
  count: number
  capacity: number
  m: number
  efConstruction: number
  bytes: number
}

/** Every element of a file, in the order of insertion. */
export interface HnswElements {
  labels: Uint32Array
  /** 1 where the element is marked deleted. */
  dead: Uint8Array
  /** Labels that {@link markApart} marked. */
  apart: number[]
}

interface Layout extends HnswFile {
  maxLevel: number
  entry: number
  elementBytes: number
}

/** Room for elements that a file of `count` elements may ask to have allocated. */
export function largestCapacity(count: number): number {
  return 2 * count + 1024
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
 * @throws EngineError INDEX_INVALID
 */
export async function readHnswFile(path: string, dim: number): Promise<HnswFile & HnswElements> {
  return inspect(path, dim, async (file, layout, levels) => {
    const elements = await readElements(file, layout)
    const { count, capacity, m, efConstruction, bytes } = layout
    if (!areDistinct(elements.labels)) refuse('a label is there twice')
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

async function readLayout(file: FileHandle, dim: number): Promise<Layout> {
  const bytes = (await file.stat()).size
  const header = await read(file, 0, HEADER_BYTES)
  const view = new DataView(header.buffer, header.byteOffset, HEADER_BYTES)
  const size = (at: number): number => Number(view.getBigUint64(at, true))
  const [offset, capacity, count, elementBytes, labelOffset, dataOffset] = [0, 8, 16, 24, 32, 40].map(
    size,
  ) as [number, number, number, number, number, number]
  const maxLevel = view.getInt32(48, true)
  const entry = view.getUint32(52, true)
  const [maxM, maxM0, m, efConstruction] = [size(56), size(64), size(72), size(88)]
  const levelFactor = view.getFloat64(80, true)

  if (m < 2 || m > 10_000 || maxM !== m || maxM0 !== 2 * m) refuse(`m is ${m}`)
  if (!(Math.abs(levelFactor - 1 / Math.log(m)) < 1e-9)) refuse(`its level factor is ${levelFactor}`)
  if (efConstruction < m || efConstruction > 1_000_000) refuse(`efConstruction is ${efConstruction}`)
  if (offset !== 0 || dataOffset !== 8 * m + 4) refuse(`its vectors begin at ${dataOffset} of an element`)
  if (labelOffset !== dataOffset + 4 * dim)
    refuse(`an element has ${(labelOffset - dataOffset) / 4} numbers, expected ${dim}`)
  if (elementBytes !== labelOffset + 8) refuse(`an element has ${elementBytes} bytes`)
  if (bytes < HEADER_BYTES + count * (elementBytes + 4))
    refuse(`it has ${bytes} bytes, too few for ${count} elements`)
  if (capacity < count || capacity > largestCapacity(count))
    refuse(`${count} elements with room for ${capacity}`)
  if (count === 0 ? maxLevel !== -1 : maxLevel < 0 || maxLevel > 100 || entry >= count)
    refuse(`it begins at element ${entry} of level ${maxLevel}`)
  return { bytes, count, capacity, m, efConstruction, maxLevel, entry, elementBytes }
}

/** The upper links follow the elements: a length for each, and as many bytes. */
async function readLevels(file: FileHandle, layout: Layout): Promise<Uint8Array> {
  const { count, elementBytes, maxLevel, entry, bytes } = layout
  const start = HEADER_BYTES + count * elementBytes
  const tail = await read(file, start, bytes - start)
  const view = new DataView(tail.buffer, tail.byteOffset, tail.length)
  const levelBytes = 4 * layout.m + 4
  const levels = new Uint8Array(count)
  let at = 0
  for (let element = 0; element < count; element++) {
    if (at + 4 > tail.length) refuse('it ends too early')
    const length = view.getUint32(at, true)
    const level = length / levelBytes
    if (!Number.isInteger(level) || level > maxLevel)
      refuse(`element ${element} has ${length} bytes of links`)
    levels[element] = level
    at += 4 + length
  }
  if (at !== tail.length) refuse(`it has ${bytes} bytes, expected ${start + at}`)
  if (count > 0 && levels[entry] !== maxLevel) refuse(`its entry has level ${levels[entry]}, not ${maxLevel}`)
  return levels
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

/** @returns a buffer of its own, so that other views can be laid over it */
async function read(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length)
  await readInto(buffer, file, position)
  return buffer
}

async function readInto(buffer: Uint8Array, file: FileHandle, position: number): Promise<void> {
  const { length } = buffer
  let at = 0
  while (at < length) {
    const { bytesRead } = await file.read(buffer, at, length - at, position + at)
    if (bytesRead === 0) refuse('it ends too early')
    at += bytesRead
  }
}

function areDistinct(labels: Uint32Array): boolean {
  const ascends = (label: number, i: number): boolean => i === 0 || label > (labels[i - 1] as number)
  return labels.every(ascends) || new Set(labels).size === labels.length
}

function refuse(reason: string): never {
  throw new Error(reason)
}
