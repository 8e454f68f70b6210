import { EngineError, fromPlainError } from '../core/errors.js'
import type { Job, JobProgress } from '../core/jobs.js'
import type { Client } from './client.js'
import type { Context } from './context.js'
import { durationWords, rateWords, startProgress } from './progress.js'

/**
 * Shows a job's progress until it has ended. Ctrl-C cancels the job and waits until it has.
 *
 * @returns the job in its final state: done
 * @throws EngineError what the job failed with; CANCELLED
 */
export async function followJob(context: Context, client: Client, started: Job): Promise<Job> {
  const { output, signal } = context
  const cancel = (): void => {
    // how it ends is told by the job's own events
    client.cancelJob(started.id).catch(() => undefined)
  }
  let phase = phaseOf(started.progress)
  let bar = await startProgress(output, phase, started.progress.unit)
  let last = started
  signal.addEventListener('abort', cancel, { once: true })
  if (signal.aborted) cancel()
  try {
    for await (const job of client.watchJob(started.id)) {
      last = job
      const next = phaseOf(job.progress)
      if (next !== phase) {
        bar.stop()
        phase = next
        bar = await startProgress(output, phase, job.progress.unit)
      }
      bar.update(job.progress.done, job.progress.total, undefined, trainingWords(job.progress))
    }
  } finally {
    signal.removeEventListener('abort', cancel)
    bar.stop()
  }
  if (last.state === 'done') return last
  if (last.error) throw fromPlainError(last.error)
  throw new EngineError(
    'SERVER_UNREACHABLE',
    `job ${started.id} was followed until it was ${last.state}, not to its end`,
  )
}

function phaseOf({ message }: JobProgress): string {
  return message ?? 'working'
}

/** `epoch 3/20, loss 0.0123, validation 0.0131, 9000 images/s, 12 s left` */
export function trainingWords({ metrics = {} }: JobProgress): string | undefined {
  const { epoch, epochs, loss, validationLoss, imagesPerSecond, secondsLeft } = metrics
  if (epoch === undefined) return undefined
  const words = [epochs === undefined ? `epoch ${epoch}` : `epoch ${epoch}/${epochs}`]
  if (loss !== undefined) words.push(`loss ${loss.toPrecision(3)}`)
  if (validationLoss !== undefined) words.push(`validation ${validationLoss.toPrecision(3)}`)
  if (imagesPerSecond !== undefined) words.push(`${rateWords(imagesPerSecond)} images/s`)
  if (secondsLeft !== undefined) words.push(`${durationWords(secondsLeft)} left`)
  return words.join(', ')
}
