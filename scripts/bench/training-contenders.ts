import { type ChildProcess, fork, spawn } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { createGunzip } from 'node:zlib'

/** Somebody who trains, or encodes, in a process of its own, and rests between rounds. */
export interface Contender {
  name: string
  /** What it said of itself: versions, times of preparation. */
  facts: string
  /** Works for so many seconds. @returns images a second */
  round(seconds: number): Promise<number>
  close(): void
}

/** What a contender's process says first. */
export interface Ready {
  facts?: string
  /** Why it cannot run. */
  absent?: string
}

/** Starts `training-process.ts`. @returns why not, where it cannot run */
export async function startEngine(name: string, args: readonly string[]): Promise<Contender | string> {
  const child: ChildProcess = fork(fileURLToPath(new URL('training-process.ts', import.meta.url)), args, {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const next = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`${name} ended with code ${code}`))
      child.once('exit', ended)
      child.once('message', (message) => {
        child.off('exit', ended)
        resolve(message)
      })
    })
  const { facts = '', absent } = (await next()) as Ready
  if (absent !== undefined) return absent
  return {
    name,
    facts,
    async round(seconds) {
      const answer = next()
      child.send(seconds)
      return (await answer) as number
    },
    close: () => child.disconnect(),
  }
}

/** Starts `training-peer.py`. @returns why not, where it cannot run */
export async function startPeer(
  name: string,
  python: string,
  args: readonly string[],
): Promise<Contender | string> {
  const script = fileURLToPath(new URL('training-peer.py', import.meta.url))
  const child = spawn(python, [script, ...args], {
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const failed = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`absent ${error.message}`))
  })
  const next = async (): Promise<string> =>
    Promise.race([lines.next().then(({ value }) => value ?? 'absent it ended'), failed])
  const first = await next()
  if (!first.startsWith('ready ')) return first.replace(/^absent /, '')
  return {
    name,
    facts: first.slice('ready '.length),
    async round(seconds) {
      child.stdin.write(`${seconds}\n`)
      return Number((await next()).split(' ')[0])
    },
    close: () => child.stdin.end(),
  }
}

/** The pictures of a gzipped IDX file, shape [images, 28 * 28]. */
export async function readImages(path: string): Promise<Uint8Array> {
  const bytes = await buffer(createReadStream(path).pipe(createGunzip()))
  if (bytes.readUInt32BE(0) !== 0x803 || bytes.readUInt32BE(8) !== 28 || bytes.readUInt32BE(12) !== 28)
    throw new Error(`${path} is not a file of 28 x 28 pictures`)
  return new Uint8Array(bytes.subarray(16))
}
