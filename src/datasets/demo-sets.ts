import { access } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { EngineError } from '../core/errors.js'
import type { ItemInput } from '../core/types.js'
import { readItems } from './read-items.js'
import type { ItemRecord } from './read-record.js'

const FASHION = fileURLToPath(new URL('../../data/fashion-mnist/t10k-images-idx3-ubyte.gz', import.meta.url))
const EMOJI = fileURLToPath(new URL('../../data/emoji/emoji.jsonl', import.meta.url))

/** How many emoji {@link readEmoji} gives. */
export const EMOJI_COUNT = 1870

/**
 * The demo collection `emoji`: English label, group and tags as the text, these and their Japanese as metadata, and
 * the picture as a PNG of 72 x 72 px. See data/emoji/README.md.
 *
 * @throws EngineError NOT_FOUND if its file is missing
 */
export async function* readEmoji(): AsyncGenerator<ItemInput> {
  for await (const record of readSet(EMOJI)) yield record.item
}

/** How many pictures {@link readFashion} gives. */
export const FASHION_COUNT = 10_000

/** What the labels 0 to 9 mean, as the README of Fashion-MNIST has it. */
const FASHION_CLASSES = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
]

/**
 * The demo collection `fashion`: the 10,000 test images of Fashion-MNIST, 28 x 28 grey, with their `label` and its `class`
 * as metadata. See data/fashion-mnist/README.md.
 *
 * @throws EngineError NOT_FOUND if its file is missing
 */
export async function* readFashion(): AsyncGenerator<ItemRecord> {
  for await (const { item, source, image } of readSet(FASHION)) {
    const label = Number(item.metadata?.label)
    const metadata = { label, class: FASHION_CLASSES[label] ?? '' }
    yield { item: { id: item.id, metadata }, source, ...(image ? { image } : {}) }
  }
}

async function* readSet(path: string): AsyncGenerator<ItemRecord> {
  try {
    await access(path)
  } catch (error) {
    const message = `${path} is missing, which is a part of the package; install kindred again`
    throw new EngineError('NOT_FOUND', message, { cause: error })
  }
  for await (const record of readItems([path])) {
    if ('item' in record) yield record
    else
      throw new EngineError(
        'INTERNAL',
        `${record.skipped.source}: ${record.skipped.reason}; install kindred again`,
      )
  }
}
