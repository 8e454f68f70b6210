import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { INCLUDES, type Include } from '../core/types.js'
import type { Context } from './context.js'
import { UsageError } from './errors.js'

/** Gives a command what every command has: `--json`, `--home`, and an example under its help. */
export function common(command: Command, example: string): Command {
  return command
    .option('--json', 'print one JSON document on stdout and no progress')
    .option('--home <dir>', 'where the database lies (default: $KINDRED_HOME, else ./indexes)')
    .addHelpText('after', `\nExample:\n${example.replace(/^/gm, '  ')}`)
}

/** The folder that a command means; absolute. */
export function homeOf(options: { home?: string }): string {
  if (options.home === '') throw new UsageError('--home needs the path of a folder')
  return resolve(options.home ?? (process.env.KINDRED_HOME || 'indexes'))
}

/** Parses an option that is a whole number within bounds. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN
    if (Number.isInteger(value) && value >= min && value <= max) return value
    const bounds = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`
    throw new InvalidArgumentError(`It must be a whole number ${bounds}.`)
  }
}

/** Parses an option that is a number. */
export function number(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isFinite(value)) return value
  throw new InvalidArgumentError('It must be a number.')
}

/** Parses an option that is a number within bounds. */
export function between(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`)
  }
}

/** Parses names with commas between, repeatable. */
export function commaList(text: string, before: string[] = []): string[] {
  return [...before, ...text.split(',').map((part) => part.trim())]
}

/** Parses `--include`: names with commas between, repeatable. */
export function includeList(text: string, before: Include[] = []): Include[] {
  const names = text.split(',').map((part) => {
    const include = INCLUDES.find((known) => known === part.trim())
    if (!include) throw new InvalidArgumentError(`Use one or more of ${INCLUDES.join(', ')}.`)
    return include
  })
  return [...new Set([...before, ...names])]
}

/** Parses an option that may stand several times. */
export function repeated(text: string, before: string[] = []): string[] {
  return [...before, text]
}

/** Parses an option that is JSON. */
export function jsonValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new InvalidArgumentError(
      `It must be JSON: ${error instanceof Error ? error.message : String(error)}.`,
    )
  }
}

/** All of standard input as text. @throws UsageError where it is a terminal, which would wait for ever */
export async function readStdin(stdin: Context['stdin']): Promise<string> {
  const opened = stdin()
  if (opened.isTTY) throw new UsageError('"-" reads standard input, but nothing is piped into it')
  const chunks: Buffer[] = []
  for await (const chunk of opened) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** A file of the user's in base64. */
export async function readBase64(path: string): Promise<string> {
  return (await readFile(path)).toString('base64')
}
