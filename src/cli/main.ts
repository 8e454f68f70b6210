#!/usr/bin/env node
import { CommanderError } from 'commander'
import { describeError, EXIT, UsageError } from './errors.js'
import { homeOf } from './options.js'
import { Output } from './output.js'
import { buildProgram } from './program.js'

// The only file that ends the process or sets its exit code.

const interrupt = new AbortController()
let stoppedBy: number | undefined

for (const [signal, code] of [
  ['SIGINT', EXIT.interrupted],
  ['SIGTERM', EXIT.terminated],
] as const) {
  process.on(signal, () => {
    if (stoppedBy !== undefined) process.exit(code)
    stoppedBy = code
    interrupt.abort()
  })
}

// A reader that had enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.done)
  throw error
})

const program = buildProgram(async (command, action) => {
  const options = command.opts<{ home?: string; json?: boolean }>()
  const output = new Output({ json: options.json === true })
  try {
    const code = (await action({ home: homeOf(options), output, signal: interrupt.signal })) ?? EXIT.done
    process.exitCode = code === EXIT.interrupted ? (stoppedBy ?? code) : code
  } catch (error) {
    const described = describeError(error)
    if (stoppedBy !== undefined && described.code === 'CANCELLED') {
      process.exitCode = stoppedBy
      return
    }
    output.error(described)
    process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed
  }
})

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage
  // Help and --version end here too; where help was printed, nothing need be said.
  if (error.exitCode !== 0 && error.code !== 'commander.help') {
    const message = error.message.replace(/^error: /, '')
    new Output({ json: process.argv.includes('--json') }).error({ code: 'INVALID_REQUEST', message })
  }
}
