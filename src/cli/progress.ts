import type { Output } from './output.js'

/** How far a long command is. Where nobody looks (no terminal, `--json`), all of it does nothing. */
export interface Progress {
  /**
   * @param total 0 while unknown
   * @param fraction of the work, in [0, 1], where it is known better than by counting
   * @param words instead of the count, the rate and the time left
   */
  update(done: number, total: number, fraction?: number, words?: string): void
  /** Takes the bar away, so that lines can be written. Idempotent. */
  stop(): void
}

const SILENT: Progress = { update: () => undefined, stop: () => undefined }

/**
 * Draws a bar on stderr with items a second and the time left.
 *
 * @param label what is being done, in front of the bar
 * @param unit what is counted: `items`, `bytes`
 */
export async function startProgress(output: Output, label: string, unit: string): Promise<Progress> {
  if (!output.showsProgress) return SILENT
  const { default: cliProgress } = await import('cli-progress')
  const started = performance.now()
  const bar = new cliProgress.SingleBar({
    stream: output.streams.stderr,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    linewrap: false,
    fps: 8,
    barsize: 24,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    format: (options, params, payload: Payload) => {
      const filled = Math.round(params.progress * (options.barsize ?? 24))
      const blocks = (options.barCompleteString ?? '').slice(0, filled)
      const rest = (options.barIncompleteString ?? '').slice(0, (options.barsize ?? 24) - filled)
      return `${label} ${blocks}${rest} ${payload.words}`
    },
  })
  const seconds = (): number => (performance.now() - started) / 1000
  bar.start(1, 0, { words: progressWords({ done: 0, total: 0, unit, seconds: 0 }) })
  let running = true
  return {
    update(done, total, fraction, words) {
      if (!running) return
      const part = Math.min(1, fraction ?? (total > 0 ? done / total : 0))
      bar.update(part, {
        words: words ?? progressWords({ done, total, fraction, unit, seconds: seconds() }),
      })
    },
    stop() {
      if (!running) return
      running = false
      bar.stop()
    },
  }
}

interface Payload {
  words: string
}

/** How far something is, to be put into words. */
export interface ProgressState {
  done: number
  /** 0 while unknown. */
  total: number
  /** Of the work; default: `done / total`. */
  fraction?: number
  unit: string
  /** Since it began. */
  seconds: number
}

/** `120/600 items, 39 items/s, 12 s left`, as far as it can be known. */
export function progressWords({ done, total, fraction, unit, seconds }: ProgressState): string {
  const count = total > 0 ? `${amount(done, unit)}/${amount(total, unit)}` : amount(done, unit)
  const words = [unit === 'bytes' ? count : `${count} ${unit}`]
  const rate = seconds > 0 ? done / seconds : 0
  if (rate > 0) words.push(unit === 'bytes' ? `${amount(rate, unit)}/s` : `${rateWords(rate)} ${unit}/s`)
  const part = fraction ?? (total > 0 ? done / total : 0)
  if (part > 0 && part < 1) words.push(`${durationWords((seconds / part) * (1 - part))} left`)
  return words.join(', ')
}

/** A rate with as many digits as say something: `0.4`, `39`. */
export function rateWords(rate: number): string {
  return rate < 10 ? rate.toFixed(1) : rate.toFixed(0)
}

/** `3.1 s`, `2 min 5 s`, `1 h 12 min`. */
export function durationWords(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.round((whole % 3600) / 60)} min`
}

function amount(value: number, unit: string): string {
  if (unit !== 'bytes') return String(value)
  return value < 1 << 20 ? `${(value / 1024).toFixed(0)} KB` : `${(value / (1 << 20)).toFixed(1)} MB`
}
