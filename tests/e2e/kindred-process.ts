import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** How a process ended. */
export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  home?: string
  /** All of its standard input; without it, the input is empty. `open` leaves it open. */
  input?: string | 'open'
  cwd?: string
  main?: string
}

/** A command that runs. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** The first line of stdout that matches; rejects if the process ends without it. */
  line(pattern: RegExp): Promise<string>
}

/** Starts the real command line as a process of its own. */
export function start(args: readonly string[], options: RunOptions = {}): Running {
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1' }
  delete env.KINDRED_HOME
  delete env.KINDRED_TOKEN
  if (options.home !== undefined) env.KINDRED_HOME = options.home
  const child = spawn(process.execPath, [options.main ?? MAIN, ...args], { env, cwd: options.cwd })
  let stdout = ''
  let stderr = ''
  const waiting: { pattern: RegExp; resolve: (line: string) => void; reject: (error: Error) => void }[] = []
  const look = (): void => {
    for (const wanted of [...waiting]) {
      const line = stdout
        .split('\n')
        .slice(0, -1)
        .find((candidate) => wanted.pattern.test(candidate))
      if (line === undefined) continue
      waiting.splice(waiting.indexOf(wanted), 1)
      wanted.resolve(line)
    }
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    look()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // A command that does not read its input may end before it is written.
  child.stdin.on('error', () => undefined)
  if (options.input !== 'open') child.stdin.end(options.input ?? '')
  const ended = new Promise<Ended>((done, fail) => {
    child.on('error', fail)
    child.on('close', (code) => {
      for (const { reject, pattern } of waiting)
        reject(new Error(`ended with ${code} before ${pattern}: ${stdout}${stderr}`))
      done({ code, stdout, stderr })
    })
  })
  return {
    child,
    ended,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        waiting.push({ pattern, resolve, reject })
        look()
      }),
  }
}

/** Runs a command to its end. */
export function kindred(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return start(args, options).ended
}

/** Runs a command with `--json` that must succeed, and gives what it printed. */
export async function kindredJson<T>(args: readonly string[], options: RunOptions = {}): Promise<T> {
  const { code, stdout, stderr } = await kindred([...args, '--json'], options)
  if (code !== 0) throw new Error(`kindred ${args.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout) as T
}

/** A server on a free port, as `kindred serve` tells of it. */
export async function startServer(
  home: string,
  args: readonly string[] = [],
): Promise<Running & { url: string }> {
  const running = start(['serve', '--port', '0', '--json', ...args], { home })
  const { url } = JSON.parse(await running.line(/^\{/)) as { url: string }
  return { ...running, url }
}

/** Folders that are removed when the tests of a file are over. */
export class TemporaryFolders {
  readonly #paths: string[] = []

  async make(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'kindred-e2e-'))
    this.#paths.push(path)
    return path
  }

  async remove(): Promise<void> {
    for (const path of this.#paths.splice(0)) await rm(path, { recursive: true, force: true })
  }
}
