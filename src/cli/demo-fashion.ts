import type { FitResult } from '../engine/fit-job.js'
import type { Client } from './client.js'
import { outliersText } from './commands/outliers.js'
import type { Context } from './context.js'
import { fillDemo } from './fill-demo.js'
import { followJob } from './follow-job.js'
import { durationWords } from './progress.js'
import { renderRecords } from './render-records.js'

const COLLECTION = 'fashion'
const ENCODER = 'autoencoder'

/**
 * The second demo collection: the 10,000 test images of Fashion-MNIST, an autoencoder trained on them, and the ten
 * strangest. What is there already is not done again.
 */
export async function askFashion(
  context: Context,
  client: Client,
): Promise<{ document: Record<string, unknown>; text: string }> {
  const { FASHION_COUNT, readFashion } = await import('../datasets/demo-sets.js')
  const { ImageWorkers } = await import('../images/image-workers.js')
  const images = ImageWorkers.create()
  const added = await fillDemo(context, client, {
    collection: COLLECTION,
    count: FASHION_COUNT,
    unit: 'pictures of clothes',
    read: () => renderRecords(readFashion(), images, context.signal),
  }).finally(() => images.close())
  const { spaces } = await client.collection(COLLECTION)
  if (!spaces.some(({ name }) => name === ENCODER)) {
    const started = performance.now()
    context.output.phase(`training an ${ENCODER} on ${FASHION_COUNT.toLocaleString('en')} pictures`)
    const { result } = await followJob(context, client, await client.train(COLLECTION, { encoder: ENCODER }))
    const { dim } = result as FitResult
    const seconds = durationWords((performance.now() - started) / 1000)
    context.output.note(
      `trained an autoencoder (dim ${dim}) on ${FASHION_COUNT.toLocaleString('en')} of them in ${seconds}`,
    )
  }
  context.output.phase(`looking for the ten strangest of ${FASHION_COUNT.toLocaleString('en')} pictures`)
  const answer = await client.outliers(COLLECTION, { limit: 10 })
  return {
    document: { collection: COLLECTION, added, ...answer },
    text: `The ten strangest of "${COLLECTION}":\n${outliersText(answer, context.output.width)}`,
  }
}
