import { CommanderError } from 'commander'
import type { Context } from './context.js'
import { describeError, EXIT, UsageError } from './errors.js'
import { homeOf } from './options.js'
import { Output, type Streams } from './output.js'
import { buildProgram } from './program.js'

/** What a command line reads and writes, and what stops it. */
export interface CommandLine {
  streams: Streams
  stdin: Context['stdin']
  /** Aborted by Ctrl-C or SIGTERM. */
  signal: AbortSignal
}

/**
 * Runs one command to its end, within this process and without ending it.
 *
 * @param args as the shell splits them, without `node` and the script
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage, 130 stopped by `signal`
 */
export async function runCommandLine(
  args: readonly string[],
  { streams, stdin, signal }: CommandLine,
): Promise<number> {
  let code: number = EXIT.done
  const program = buildProgram(streams, async (command, action) => {
    const options = command.opts<{ home?: string; json?: boolean }>()
    const output = new Output({ json: options.json === true, streams })
    try {
      code = (await action({ home: homeOf(options), output, stdin, signal })) ?? EXIT.done
    } catch (error) {
      const described = describeError(error)
      if (signal.aborted && described.code === 'CANCELLED') {
        code = EXIT.interrupted
        return
      }
      output.error(described)
      code = error instanceof UsageError ? EXIT.usage : EXIT.failed
    }
  })
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    code = error.exitCode === 0 ? EXIT.done : EXIT.usage
    // Help and --version end here too; where help was printed, nothing need be said.
    if (error.exitCode !== 0 && error.code !== 'commander.help') {
      const message = error.message.replace(/^error: /, '')
      new Output({ json: args.includes('--json'), streams }).error({ code: 'INVALID_REQUEST', message })
    }
  }
  return code
}
