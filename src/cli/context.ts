import type { Readable } from 'node:stream'
import type { Command } from 'commander'
import type { Output } from './output.js'

/** What every command is given. */
export interface Context {
  /** The folder whose engine is meant; absolute. */
  readonly home: string
  readonly output: Output
  /** Opens standard input; what does not read it never asks. */
  readonly stdin: () => Readable & { isTTY?: boolean }
  /** Aborted by Ctrl-C or SIGTERM: finish what is half done, say how far it got, return. */
  readonly signal: AbortSignal
}

/** A command's work; what it returns is the exit code, 0 if nothing. */
export type Action = (context: Context) => Promise<number | undefined>

/** How a command hands its work over to the one place that runs it. */
export type Runner = (command: Command, action: Action) => Promise<void>
