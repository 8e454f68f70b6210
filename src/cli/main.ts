#!/usr/bin/env node
import { EXIT } from './errors.js'
import { runCommandLine } from './run-command-line.js'

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

const code = await runCommandLine(process.argv.slice(2), {
  streams: process,
  stdin: () => process.stdin,
  signal: interrupt.signal,
})
process.exitCode = code === EXIT.interrupted ? (stoppedBy ?? code) : code
