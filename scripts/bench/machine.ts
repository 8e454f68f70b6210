import { readFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'

/** One line about the machine, and one with the versions of what is measured and compared. */
export function machineFacts(packages: readonly string[]): string {
  const [cpu] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  const versions = packages.map((name) => `${name} ${versionOf(name)}`)
  return [
    `machine: ${cpus().length} x ${cpu?.model ?? 'unknown'}, ${memory} GiB, ${type()} ${release()}`,
    `versions: node ${process.version}, ${versions.join(', ')}`,
  ].join('\n')
}

function versionOf(name: string): string {
  const manifest = new URL(`../../node_modules/${name}/package.json`, import.meta.url)
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

/** Reads a figure of /proc/self/status, in bytes; NaN where there is no such file. */
export function processMemory(field: 'VmRSS' | 'VmHWM'): number {
  try {
    const line = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))
    return Number(line?.[1] ?? Number.NaN) * 1024
  } catch {
    return Number.NaN
  }
}

/** A row of a report: what was measured, the figure, the bound, and whether it holds. */
export interface Figure {
  what: string
  value: string
  bound: string
  holds: boolean
}

/** Prints figures as a table. @returns whether all bounds hold */
export function printFigures(figures: readonly Figure[]): boolean {
  for (const { what, value, bound, holds } of figures) {
    console.log(`${holds ? 'ok    ' : 'MISSED'} ${what.padEnd(64)} ${value.padStart(12)}   ${bound}`)
  }
  return figures.every(({ holds }) => holds)
}
