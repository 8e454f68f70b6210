import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { CallThread } from '#src/core/call-thread.js'
import { EngineError } from '#src/core/errors.js'

const script = new URL('./fixtures/calling-worker.mjs', import.meta.url)
const closed = new EngineError('CLOSED', 'closed on purpose')
const threads: CallThread[] = []

function start(onMessage?: (message: unknown) => void): CallThread {
  const thread = new CallThread({
    ...{ script, name: 'test', what: 'the thread of the test' },
    ...(onMessage ? { onMessage } : {}),
  })
  threads.push(thread)
  return thread
}

/** What a process prints that has only a thread. */
async function alone(code: string): Promise<string> {
  const module = new URL('../../dist/core/call-thread.js', import.meta.url)
  const whole = `
    const { CallThread } = await import(${JSON.stringify(module.href)})
    const thread = new CallThread({ script: new URL(${JSON.stringify(script.href)}), name: 'x', what: 'x' })
    ${code}`
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', whole], { timeout: 30_000 })
  return stdout
}

afterEach(async () => {
  await Promise.all(threads.splice(0).map((thread) => thread.end(closed)))
})

describe('a thread that answers calls', () => {
  it('gives each call its own answer, one after the other', async () => {
    const thread = start()
    const values = Array.from({ length: 50 }, (_, i) => i)
    const asked = values.map((value) => thread.call({ call: 'echo', value }))
    expect(thread.load).toBe(50)
    expect(await Promise.all(asked)).toEqual(values)
    expect(thread.load).toBe(0)
    expect(await thread.call({ call: 'bytes', value: 7 })).toEqual(new Uint8Array(8).fill(7))
  })

  it('refuses with what the call threw, and goes on', async () => {
    const thread = start()
    await expect(thread.call({ call: 'refuse', value: 'no such thing' })).rejects.toMatchObject({
      ...{ code: 'NOT_FOUND', message: 'no such thing', details: { field: 'x' } },
    })
    await expect(thread.call({ call: 'fail', value: 'full' })).rejects.toMatchObject({
      ...{ code: 'DISK_FULL', message: 'full' },
    })
    expect(await thread.call({ call: 'echo', value: 1 })).toBe(1)
  })

  it('passes on what it says besides', async () => {
    const said: unknown[] = []
    const thread = start((message) => said.push(message))
    expect(await thread.call({ call: 'say', value: 'half' })).toBe('half')
    expect(said).toEqual([{ said: 'half' }])
  })

  it.each([
    ['exit', 'no reason given'],
    ['throw', 'thrown on purpose'],
  ])('refuses everything with INTERNAL and the reason once it has ended: %s', async (call, reason) => {
    const thread = start()
    const asked = [thread.call({ call }), thread.call({ call: 'echo', value: 1 })]
    for (const { status, ...outcome } of await Promise.allSettled(asked)) {
      expect({ status, ...outcome }).toMatchObject({
        status: 'rejected',
        reason: { code: 'INTERNAL', message: expect.stringContaining(reason) },
      })
    }
    await thread.gone
    expect(thread.alive).toBe(false)
    await expect(thread.call({ call: 'echo', value: 1 })).rejects.toMatchObject({ code: 'INTERNAL' })
  })

  it('ends at once where it is told to, with the first reason', async () => {
    const thread = start()
    const asked = thread.call({ call: 'throw' })
    const ended = thread.end(closed)
    await expect(asked).rejects.toBe(closed)
    await ended
    await thread.end(new EngineError('INTERNAL', 'too late'))
    await expect(thread.call({ call: 'echo' })).rejects.toBe(closed)
  })

  it('ends after the call that it answers where it is asked to, and refuses what waits', async () => {
    const said: unknown[] = []
    const thread = start((message) => said.push(message))
    await thread.call({ call: 'echo' })
    const asked = [1, 2, 3].map((value) => thread.call({ call: 'echo', value }))
    const outcomes = Promise.allSettled(asked)
    await thread.finish()
    await thread.finish()
    expect(said).toEqual([{ said: 'closing' }])
    const refused = (await outcomes).filter(({ status }) => status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    for (const outcome of refused) expect(outcome).toMatchObject({ reason: { code: 'CLOSED' } })
  })

  it('settles what it was asked and its end in a process that has nothing else to do', async () => {
    const said = await alone(`
      const asked = thread.call({ call: 'slow', value: 'answered' })
      const ended = thread.finish()
      console.log(await asked)
      await ended
      console.log('ended')`)
    expect(said).toBe('answered\nended\n')
  })

  it('refuses what cannot cross threads, and goes on', async () => {
    const thread = start()
    await expect(thread.call({ call: 'echo', value: () => 1 })).rejects.toThrow(/could not be cloned/)
    expect(thread.load).toBe(0)
    expect(await thread.call({ call: 'echo', value: 1 })).toBe(1)
  })

  it('takes no more calls once it was asked to end', async () => {
    const thread = start()
    const ended = thread.finish()
    expect(thread.alive).toBe(false)
    await expect(thread.call({ call: 'echo' })).rejects.toMatchObject({ code: 'CLOSED' })
    await ended
  })

  it('keeps no process alive that has nothing left to ask', async () => {
    expect(await alone(`console.log(await thread.call({ call: 'echo', value: 'answered' }))`)).toBe(
      'answered\n',
    )
  })
})
