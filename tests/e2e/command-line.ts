import { Readable, Writable } from 'node:stream'
import { runCommandLine } from '#src/cli/run-command-line.js'
import type { Ended } from './kindred-process.js'

/** A stream that keeps what is written, as a pipe does: it is no terminal. */
class Sink extends Writable {
  text = ''

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

/** What a command needs that is not run as a process of its own. */
export interface HereOptions {
  home?: string
  /** All of its standard input; without it, the input is empty. */
  input?: string
}

/**
 * Runs a command to its end as the real command line does, but in the process of the tests: whatever is not a matter of the
 * process itself (signals, pipes, exit) is the same, for a fraction of the time.
 */
export async function kindredHere(
  args: readonly string[],
  { home, input = '' }: HereOptions = {},
): Promise<Ended> {
  const streams = { stdout: new Sink(), stderr: new Sink() }
  const stdin = (): Readable => Readable.from([Buffer.from(input)], { objectMode: false })
  const { signal } = new AbortController()
  const line = home === undefined ? args : [...args, '--home', home]
  const code = await runCommandLine(line, { streams, stdin, signal })
  return { code, stdout: streams.stdout.text, stderr: streams.stderr.text }
}

/** Runs a command with `--json` that must succeed, and gives what it printed. */
export async function kindredHereJson<T>(args: readonly string[], options?: HereOptions): Promise<T> {
  const { code, stdout, stderr } = await kindredHere([...args, '--json'], options)
  if (code !== 0) throw new Error(`kindred ${args.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout) as T
}
