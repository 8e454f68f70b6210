import { readSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { HEADER_BYTES, type Layout, readLayout } from './hnsw-layout.js'
import { type Links, localOrder } from './local-order.js'

const BLOCK_BYTES = 1 << 20
/** Where the header names the element that searches begin with. */
const ENTRY_AT = 52

/**
 * Renumbers the elements of a file that hnswlib wrote, so that those a search visits one after the other lie near each
 * other in memory. It stays a file of hnswlib, of the same length, whose searches find the same: labels, marks and numbers
 * move with their elements, links keep their order.
 *
 * In place, so that neither memory nor disk need hold it twice: only for a file that nobody reads yet. Blocks the thread,
 * about 0.2 s for 30,000 x 384.
 *
 * @param dim numbers an element holds
 * @throws Error where it is no file of hnswlib, and the file system's own
 */
export async function arrangeHnswFile(path: string, dim: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const layout = await readLayout(file, dim)
    const { fd } = file
    const order = localOrder(readLinks(fd, layout), layout.entry)
    const places = new Uint32Array(order.length)
    for (const [place, element] of order.entries()) places[element] = place
    if (layout.count === 0) return
    moveElements(fd, layout, { order, places })
    moveUpperLinks(fd, layout, { order, places })
    writeWhole(fd, Uint32Array.of(places[layout.entry] as number), ENTRY_AT)
  } finally {
    await file.close()
  }
}

interface Move {
  /** Elements by their new number. */
  order: Uint32Array
  /** New numbers by element. */
  places: Uint32Array
}

/** Those of the lowest level. */
function readLinks(fd: number, { count, m, elementBytes }: Layout): Links {
  const starts = new Uint32Array(count + 1)
  // what is not filled costs no memory
  const to = new Uint32Array(count * 2 * m)
  const words = elementBytes / 4
  const step = Math.max(1, Math.floor(BLOCK_BYTES / elementBytes))
  const block = new Uint32Array(Math.min(step, count) * words)
  let end = 0
  for (let first = 0; first < count; first += step) {
    const some = Math.min(step, count - first)
    readWhole(fd, block.subarray(0, some * words), HEADER_BYTES + first * elementBytes)
    for (let i = 0; i < some; i++) {
      const links = linksAt(block, i * words)
      for (let j = 1; j <= links; j++) to[end++] = block[i * words + j] as number
      starts[first + i + 1] = end
    }
  }
  return { starts, to: to.subarray(0, end) }
}

/** One cycle of the permutation after the other, with one element in hand. */
function moveElements(fd: number, { count, elementBytes }: Layout, { order, places }: Move): void {
  const at = (element: number): number => HEADER_BYTES + element * elementBytes
  const held = new Uint32Array(elementBytes / 4)
  const moved = new Uint32Array(elementBytes / 4)
  const done = new Uint8Array(count)
  for (let first = 0; first < count; first++) {
    if (done[first] !== 0) continue
    readWhole(fd, held, at(first))
    for (let place = first; ; ) {
      done[place] = 1
      const element = order[place] as number
      const from = element === first ? held : moved
      if (from === moved) readWhole(fd, moved, at(element))
      renumber(from, 0, places)
      writeWhole(fd, from, at(place))
      if (element === first) break
      place = element
    }
  }
}

/** The lists of all elements follow each other, and are of different lengths. */
function moveUpperLinks(fd: number, layout: Layout, { order, places }: Move): void {
  const { count, elementBytes, m, bytes } = layout
  const start = HEADER_BYTES + count * elementBytes
  const before = new Uint32Array((bytes - start) / 4)
  readWhole(fd, before, start)
  const starts = new Uint32Array(count)
  for (let element = 0, at = 0; element < count; element++) {
    starts[element] = at
    at += 1 + (before[at] as number) / 4
  }
  const after = new Uint32Array(before.length)
  let to = 0
  for (const element of order) {
    const from = starts[element] as number
    const words = 1 + (before[from] as number) / 4
    after.set(before.subarray(from, from + words), to)
    for (let list = to + 1; list < to + words; list += m + 1) renumber(after, list, places)
    to += words
  }
  writeWhole(fd, after, start)
}

function renumber(numbers: Uint32Array, list: number, places: Uint32Array): void {
  const links = linksAt(numbers, list)
  for (let i = list + 1; i <= list + links; i++) numbers[i] = places[numbers[i] as number] as number
}

function linksAt(numbers: Uint32Array, list: number): number {
  return (numbers[list] as number) & 0xffff
}

function readWhole(fd: number, into: Uint32Array, position: number): void {
  for (let at = 0; at < into.byteLength; ) {
    const read = readSync(fd, into, at, into.byteLength - at, position + at)
    if (read === 0) throw new Error('the file ends too early')
    at += read
  }
}

function writeWhole(fd: number, from: Uint32Array, position: number): void {
  for (let at = 0; at < from.byteLength; ) at += writeSync(fd, from, at, from.byteLength - at, position + at)
}
