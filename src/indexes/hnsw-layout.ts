import type { FileHandle } from 'node:fs/promises'

/** The fixed part in front, as `HierarchicalNSW::saveIndex` of hnswlib 0.8 writes it on a 64-bit little-endian machine. */
export const HEADER_BYTES = 96

/** What a file of hnswlib says about itself. */
export interface HnswFile {
  /** Elements, dead ones included. */
  count: number
  capacity: number
  m: number
  efConstruction: number
  bytes: number
}

/**
 * Where everything is in a file: the header, `count` elements of `elementBytes`, and for each element the length of its
 * links above the lowest level, with those links. An element is its links on the lowest level, its numbers and its label;
 * a list of links is the number of them (and, in the third byte, an element's marks) and room for `m`, or on the lowest
 * level `2 m`, numbers of elements.
 */
export interface Layout extends HnswFile {
  maxLevel: number
  entry: number
  elementBytes: number
}

/** Room for elements that a file of `count` elements may ask to have allocated. */
export function largestCapacity(count: number, elementBytes: number): number {
  return Math.max(2 * count + 1024, roomyCapacity(count, elementBytes))
}

/** Blocks of memory from which on glibc gives each back to the system; smaller ones it may keep once they were freed. */
const GIVEN_BACK_BYTES = 33 << 20
/** Blocks that are too small to matter when they are kept. */
const SMALL_BYTES = 1 << 20
/** Elements that are smaller would be so many that what hnswlib keeps beside each, some 50 bytes, weighs more. */
const LEAST_ELEMENT_BYTES = 1024

/**
 * Room for at least `count` elements, and for so many more that their block goes back to the system when the index is
 * replaced: the part of it that is never used costs no memory, while freed blocks of 1 to 32 MB raise the size up to which
 * glibc keeps them (`M_MMAP_THRESHOLD` in mallopt(3)).
 *
 * @param elementBytes see {@link elementBytesOf}
 */
export function roomyCapacity(count: number, elementBytes: number): number {
  const bytes = count * elementBytes
  const kept = bytes >= SMALL_BYTES && bytes < GIVEN_BACK_BYTES && elementBytes >= LEAST_ELEMENT_BYTES
  return kept ? Math.ceil(GIVEN_BACK_BYTES / elementBytes) : count
}

/** Bytes of an element: its links on the lowest level, its numbers and its label. */
export function elementBytesOf(dim: number, m: number): number {
  return 8 * m + 4 + 4 * dim + 8
}

/** Reads a file's header. @throws Error saying what is wrong with it */
export async function readLayout(file: FileHandle, dim: number): Promise<Layout> {
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
  if (elementBytes !== elementBytesOf(dim, m)) refuse(`an element has ${elementBytes} bytes`)
  if (bytes < HEADER_BYTES + count * (elementBytes + 4))
    refuse(`it has ${bytes} bytes, too few for ${count} elements`)
  if (capacity < count || capacity > largestCapacity(count, elementBytes))
    refuse(`${count} elements with room for ${capacity}`)
  if (count === 0 ? maxLevel !== -1 : maxLevel < 0 || maxLevel > 100 || entry >= count)
    refuse(`it begins at element ${entry} of level ${maxLevel}`)
  return { bytes, count, capacity, m, efConstruction, maxLevel, entry, elementBytes }
}

/** The level of each element. @throws Error where the parts of the file do not add up to its length */
export async function readLevels(file: FileHandle, layout: Layout): Promise<Uint8Array> {
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

/** @returns a buffer of its own, so that other views can be laid over it */
export async function read(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length)
  await readInto(buffer, file, position)
  return buffer
}

/** Fills a buffer from a place in the file. */
export async function readInto(buffer: Uint8Array, file: FileHandle, position: number): Promise<void> {
  const { length } = buffer
  let at = 0
  while (at < length) {
    const { bytesRead } = await file.read(buffer, at, length - at, position + at)
    if (bytesRead === 0) refuse('it ends too early')
    at += bytesRead
  }
}

/** @throws Error, always */
export function refuse(reason: string): never {
  throw new Error(reason)
}
