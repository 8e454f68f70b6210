import { access } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { EngineError } from '../core/errors.js'
import type { ItemInput } from '../core/types.js'
import { readItems } from './read-items.js'

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
  try {
    await access(EMOJI)
  } catch (error) {
    const message = `${EMOJI} is missing, which is a part of the package; install kindred again`
    throw new EngineError('NOT_FOUND', message, { cause: error })
  }
  for await (const record of readItems([EMOJI])) {
    if ('item' in record) yield record.item
    else
      throw new EngineError(
        'INTERNAL',
        `${record.skipped.source}: ${record.skipped.reason}; install kindred again`,
      )
  }
}
