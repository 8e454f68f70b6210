import type { PlainError } from '../core/errors.js'

/** Where a command writes: the answer on stdout, everything else on stderr. */
export interface Streams {
  stdout: NodeJS.WritableStream & { columns?: number; isTTY?: boolean }
  stderr: NodeJS.WritableStream & { columns?: number; isTTY?: boolean }
}

/**
 * What a command says. With `--json`, stdout holds exactly one JSON document (or one a line, where a listing is
 * streamed) and errors are `{"error": {code, message}}` on stderr; notes and progress are left out.
 */
export class Output {
  readonly json: boolean
  readonly streams: Streams

  constructor(options: { json: boolean; streams?: Streams }) {
    this.json = options.json
    this.streams = options.streams ?? process
  }

  /** The answer: `value` as JSON, or its wording for people. */
  answer(value: unknown, human: () => string): void {
    const text = this.json ? JSON.stringify(value) : human()
    if (text !== '') this.streams.stdout.write(`${text}\n`)
  }

  /** Something for people that is not the answer. */
  note(text: string): void {
    if (!this.json) this.streams.stderr.write(`${text}\n`)
  }

  /** What begins now and takes a while: a line in a log; on a terminal nothing, where a bar shows it. */
  phase(text: string): void {
    if (!this.showsProgress) this.note(text)
  }

  error(error: PlainError): void {
    this.streams.stderr.write(
      this.json ? `${JSON.stringify({ error })}\n` : `error ${error.code}: ${error.message}\n`,
    )
  }

  /** Whether progress bars may be drawn. */
  get showsProgress(): boolean {
    return !this.json && this.streams.stderr.isTTY === true
  }

  /** Whether words may be marked with a terminal's signs; never where NO_COLOR is set (https://no-color.org). */
  get showsMarks(): boolean {
    return !this.json && this.streams.stdout.isTTY === true && !process.env.NO_COLOR
  }

  /** Characters of a line: the terminal's, or 100 where there is none. */
  get width(): number {
    return Math.max(40, this.streams.stdout.columns ?? 100)
  }
}
