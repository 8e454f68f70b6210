import type { ImageWrite } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import type { ImageWorkers } from '../images/image-workers.js'
import { renderImage } from './item-image.js'
import { throwIfAborted } from './pace.js'
import type { PreparedItem } from './prepare-item.js'
import { show } from './requests.js'

/** Pictures rendered at the same time; the workers take them in turn. */
const IN_FLIGHT = 16

/**
 * Renders the pictures of items, each file once, into `rendered` by hash.
 *
 * @throws EngineError INVALID_IMAGE, IMAGE_TOO_LARGE, naming the item; CANCELLED
 */
export async function renderAll(
  images: ImageWorkers,
  items: readonly PreparedItem[],
  rendered: Map<string, ImageWrite>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const rest = new Map<string, PreparedItem>()
  for (const item of items) {
    if (item.image !== null && !rendered.has(item.image.hash)) rest.set(item.image.hash, item)
  }
  const queue = rest.values()
  const work = async (): Promise<void> => {
    for (const item of queue) {
      throwIfAborted(signal)
      if (item.image !== null) rendered.set(item.image.hash, await render(images, item, item.image))
    }
  }
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, rest.size) }, work))
}

async function render(
  images: ImageWorkers,
  item: PreparedItem,
  image: NonNullable<PreparedItem['image']>,
): Promise<ImageWrite> {
  try {
    return await renderImage(images, image)
  } catch (error) {
    if (!(error instanceof EngineError) || error.code === 'CANCELLED') throw error
    throw new EngineError(error.code, `item ${show(item.id)}: ${error.message}`, {
      cause: error,
      details: { ...error.details, id: item.id, field: 'image' },
    })
  }
}
