import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { Output } from '#src/cli/output.js'
import { durationWords, progressWords, startProgress } from '#src/cli/progress.js'

/** A stream that keeps what is written, and may say that it is a terminal. */
function sink(isTTY: boolean) {
  const written: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk))
      done()
    },
  })
  return Object.assign(stream, { isTTY, columns: 100, text: () => written.join('') })
}

describe('progressWords', () => {
  it('tells count, rate and time left as far as they are known', () => {
    expect(progressWords({ done: 0, total: 0, unit: 'items', seconds: 0 })).toBe('0 items')
    expect(progressWords({ done: 50, total: 0, unit: 'items', seconds: 2 })).toBe('50 items, 25 items/s')
    expect(progressWords({ done: 50, total: 150, unit: 'items', seconds: 2 })).toBe(
      '50/150 items, 25 items/s, 4.0 s left',
    )
    expect(progressWords({ done: 3 << 20, total: 9 << 20, unit: 'bytes', seconds: 3 })).toBe(
      '3.0 MB/9.0 MB, 1.0 MB/s, 6.0 s left',
    )
  })

  it('writes long times in minutes and hours', () => {
    expect(durationWords(3.14)).toBe('3.1 s')
    expect(durationWords(59.6)).toBe('1 min 0 s')
    expect(durationWords(125)).toBe('2 min 5 s')
    expect(durationWords(4320)).toBe('1 h 12 min')
  })
})

describe('startProgress', () => {
  it('draws on a terminal and clears the line at the end', async () => {
    const stderr = sink(true)
    const output = new Output({ json: false, streams: { stdout: sink(true), stderr } })
    const progress = await startProgress(output, 'adding', 'items')
    progress.update(5, 10)
    progress.stop()
    progress.stop()
    expect(stderr.text()).toContain('adding')
    expect(stderr.text()).toContain('5/10 items')
  })

  it.each([
    ['where stderr is no terminal', false, false],
    ['with --json', true, true],
  ])('draws nothing %s', async (_when, isTTY, json) => {
    const stderr = sink(isTTY)
    const output = new Output({ json, streams: { stdout: sink(isTTY), stderr } })
    const progress = await startProgress(output, 'adding', 'items')
    progress.update(5, 10)
    progress.stop()
    expect(stderr.text()).toBe('')
  })
})

describe('Output', () => {
  it.each([
    ['where stderr is no terminal, as a line', false, false, 'reading 3 items\n'],
    ['on a terminal not, where a bar shows it', true, false, ''],
    ['with --json not', false, true, ''],
  ])('tells what begins %s', (_when, isTTY, json, written) => {
    const stderr = sink(isTTY)
    new Output({ json, streams: { stdout: sink(isTTY), stderr } }).phase('reading 3 items')
    expect(stderr.text()).toBe(written)
  })

  it('writes the answer to stdout and everything else to stderr', () => {
    const streams = { stdout: sink(false), stderr: sink(false) }
    const output = new Output({ json: false, streams })
    output.answer({ a: 1 }, () => 'one')
    output.note('by the way')
    output.error({ code: 'ITEM_NOT_FOUND', message: 'there is no item "a"' })
    expect(streams.stdout.text()).toBe('one\n')
    expect(streams.stderr.text()).toBe('by the way\nerror ITEM_NOT_FOUND: there is no item "a"\n')
  })

  it('writes JSON alone with --json', () => {
    const streams = { stdout: sink(true), stderr: sink(true) }
    const output = new Output({ json: true, streams })
    output.answer({ a: 1 }, () => 'one')
    output.note('by the way')
    output.error({ code: 'ITEM_NOT_FOUND', message: 'there is no item "a"' })
    expect(JSON.parse(streams.stdout.text())).toEqual({ a: 1 })
    expect(JSON.parse(streams.stderr.text())).toEqual({
      error: { code: 'ITEM_NOT_FOUND', message: 'there is no item "a"' },
    })
  })
})
