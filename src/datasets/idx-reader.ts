import { access } from 'node:fs/promises'
import { resolve } from 'node:path'
import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import { checkId } from '../core/names.js'
import { ByteReader, unzipped } from './byte-reader.js'
import { openFile } from './byte-stream.js'
import { idxLabelsOf } from './idx-names.js'
import type { MadeRecord } from './read-record.js'

/** Pictures, and labels, that a file may say it holds. */
const MOST_ITEMS = 10_000_000
/** An id has at least so many digits after the file's name. */
const ID_DIGITS = 5

/**
 * Reads the pictures of an IDX file, compressed by gzip or not: a header of big-endian numbers, then grey values 0 to 255
 * row by row (yann.lecun.com/exdb/mnist). Their ids are the file's and a number from 0: `t10k-images-idx3-ubyte/00042`.
 * Where the file of their labels lies beside, each has its `label`. Of a file that is cut short the pictures before that
 * are read.
 *
 * @param file.id what the ids begin with
 * @throws EngineError INVALID_DATASET, INVALID_ID
 */
export async function* readIdx(
  chunks: AsyncIterable<Uint8Array>,
  file: { path: string; id: string },
): AsyncGenerator<MadeRecord> {
  const reader = new ByteReader(unzipped(chunks))
  try {
    const [count = 0, height = 0, width = 0] = await readSizes(reader, 3)
    const bytes = width * height
    if (count === 0) throw invalid('it holds no images')
    if (count > MOST_ITEMS) throw invalid(`its header says ${count} images, at most ${MOST_ITEMS} are taken`)
    if (bytes === 0 || bytes > LIMITS.imagePixels) {
      const most = `at least one pixel and at most ${LIMITS.imagePixels}`
      throw invalid(`its header says images of ${width} x ${height} pixels, expected ${most}`)
    }
    const labels = await readLabels(file.path, count)
    const path = resolve(file.path)
    const digits = Math.max(ID_DIGITS, String(count - 1).length)
    for (let i = 0; i < count; i++) {
      const values = await reader.take(bytes)
      if (values.length < bytes) {
        throw invalid(`it ends within image ${i}, its header says ${count}; the ${i} before it were read`)
      }
      const pixels = { width, height, channels: 1 as const, values }
      const id = checkId(`${file.id}/${String(i).padStart(digits, '0')}`)
      const label = labels?.[i]
      const item = label === undefined ? { id } : { id, metadata: { label } }
      const image = { path, bytes, read: async () => pixels }
      yield { item, source: `${file.path}:${i}`, image, hashed: false }
    }
    if ((await reader.take(1)).length > 0) {
      throw invalid(`it goes on after the ${count} images that its header says; these were read`)
    }
  } finally {
    await reader.close()
  }
}

/** The labels of a file of pictures; undefined if there are none. */
async function readLabels(images: string, count: number): Promise<Uint8Array | undefined> {
  for (const path of idxLabelsOf(images)) {
    const there = await access(path).then(
      () => true,
      (error) => error.code !== 'ENOENT',
    )
    if (!there) continue
    const reader = new ByteReader(unzipped(openFile(path)))
    try {
      const [labels = 0] = await readSizes(reader, 1)
      if (labels !== count) throw invalid(`it holds ${labels} labels for ${count} images`)
      const values = await reader.take(count)
      if (values.length < count) throw invalid(`it ends after ${values.length} of ${count} labels`)
      return values
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      throw new EngineError(error.code, `its labels, ${path}: ${error.message}`, { cause: error })
    } finally {
      await reader.close()
    }
  }
  return undefined
}

/** Reads the header: two zero bytes, 8 for unsigned bytes, how many sizes follow; then these in 32 bits each. */
async function readSizes(reader: ByteReader, sizes: number): Promise<number[]> {
  const magic = Buffer.from(await reader.take(4))
  const expected = Buffer.from([0, 0, 8, sizes])
  if (!magic.equals(expected)) {
    const found = magic.length === 0 ? 'it is empty' : `it begins with ${magic.toString('hex')}`
    const meaning = sizes === 1 ? 'labels' : 'images'
    throw invalid(`${found}, expected ${expected.toString('hex')} (IDX, ${meaning} of unsigned bytes)`)
  }
  const header = Buffer.from(await reader.take(4 * sizes))
  if (header.length < 4 * sizes) throw invalid(`it ends after ${4 + header.length} bytes, within its header`)
  return Array.from({ length: sizes }, (_, i) => header.readUInt32BE(4 * i))
}

function invalid(reason: string): EngineError {
  return new EngineError('INVALID_DATASET', reason)
}
