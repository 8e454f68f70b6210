import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { FASHION_COUNT, readFashion } from '#src/datasets/demo-sets.js'
import { readItems } from '#src/datasets/read-items.js'
import type { ItemRecord, Skipped } from '#src/datasets/read-record.js'
import { PICTURES } from '../support/pictures.js'
import { temporaryFolder } from '../support/test-home.js'

let cleanup: (() => void)[] = []
afterEach(() => {
  for (const remove of cleanup) remove()
  cleanup = []
})

function folder(): string {
  const { path, remove } = temporaryFolder()
  cleanup.push(remove)
  return path
}

/** An IDX file: two zero bytes, 8, the number of sizes, the sizes, the values. */
function idx(sizes: readonly number[], values: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * sizes.length)
  header.writeUInt32BE(0x0800 + sizes.length)
  for (const [i, size] of sizes.entries()) header.writeUInt32BE(size, 4 + 4 * i)
  return Buffer.concat([header, values])
}

async function read(path: string): Promise<{ items: ItemRecord[]; skipped: Skipped[] }> {
  const found = { items: [] as ItemRecord[], skipped: [] as Skipped[] }
  for await (const record of readItems([path])) {
    if ('skipped' in record) found.skipped.push(record.skipped)
    else found.items.push(record)
  }
  return found
}

const pixels = Uint8Array.from({ length: 3 * 4 }, (_, i) => i * 20)

describe('IDX files', () => {
  it.each([false, true])(
    'give pictures with the labels of the file beside them (gzip: %s)',
    async (zipped) => {
      const path = folder()
      const write = (name: string, content: Buffer): void =>
        writeFileSync(join(path, zipped ? `${name}.gz` : name), zipped ? gzipSync(content) : content)
      write('t10k-images-idx3-ubyte', idx([3, 2, 2], pixels))
      write('t10k-labels-idx1-ubyte', idx([3], Uint8Array.of(7, 0, 9)))
      const { items, skipped } = await read(path)
      expect(skipped).toEqual([])
      expect(items.map(({ item }) => [item.id, item.metadata?.label])).toEqual([
        ['t10k-images-idx3-ubyte/00000', 7],
        ['t10k-images-idx3-ubyte/00001', 0],
        ['t10k-images-idx3-ubyte/00002', 9],
      ])
      expect(await items[1]?.image?.read()).toEqual({
        width: 2,
        height: 2,
        channels: 1,
        values: pixels.subarray(4, 8),
      })
    },
  )

  it.each([
    ['labels that are fewer', idx([3, 2, 2], pixels), idx([2], Uint8Array.of(1, 2)), /2 labels for 3 images/],
    ['a file that is cut short', idx([4, 2, 2], pixels), undefined, /ends within image 3/],
    ['another magic number', Buffer.from('no IDX at all'), undefined, /expected 00000803/],
    ['images without pixels', idx([3, 0, 2], pixels), undefined, /2 x 0 pixels/],
  ])('are refused for %s', async (_what, images, labels, reason) => {
    const path = folder()
    writeFileSync(join(path, 'x-images-idx3-ubyte'), images)
    if (labels) writeFileSync(join(path, 'x-labels-idx1-ubyte'), labels)
    const { skipped } = await read(path)
    expect(skipped).toMatchObject([{ code: 'INVALID_DATASET', reason: expect.stringMatching(reason) }])
  })

  it('hold the demo set', async () => {
    let count = 0
    const classes = new Set<unknown>()
    for await (const { item } of readFashion()) {
      count++
      classes.add(item.metadata?.class)
    }
    expect([count, classes.size]).toEqual([FASHION_COUNT, 10])
  })
})

describe('folders of pictures', () => {
  it('give each picture its path and the inner folder as label, read when it is asked for', async () => {
    const path = folder()
    const { mkdirSync } = await import('node:fs')
    mkdirSync(join(path, 'cats'))
    writeFileSync(join(path, 'cats', 'a.png'), PICTURES['image/png'])
    writeFileSync(join(path, 'b.jpg'), PICTURES['image/jpeg'])
    writeFileSync(join(path, 'c.txt'), 'a text between pictures')
    const { items } = await read(path)
    expect(items.map(({ item }) => [item.id, item.metadata?.label, item.text])).toEqual([
      ['b.jpg', undefined, undefined],
      ['c.txt', undefined, 'a text between pictures'],
      ['cats/a.png', 'cats', undefined],
    ])
    expect(Buffer.from((await items[2]?.image?.read()) as Uint8Array)).toEqual(
      Buffer.from(PICTURES['image/png']),
    )
  })
})
