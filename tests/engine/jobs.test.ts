import { describe, expect, it } from 'vitest'
import { EngineError } from '#src/core/errors.js'
import type { Job, JobContext } from '#src/core/jobs.js'
import { Jobs } from '#src/engine/jobs.js'

/** Work that goes on until it is told to end, or is cancelled. */
function held(): {
  work: (context: JobContext) => Promise<string>
  context: Promise<JobContext>
  end(): void
} {
  let tell: (context: JobContext) => void
  let end: (result: string) => void
  const context = new Promise<JobContext>((resolve) => {
    tell = resolve
  })
  const result = new Promise<string>((resolve) => {
    end = resolve
  })
  const work = async (given: JobContext): Promise<string> => {
    tell(given)
    const aborted = new Promise<never>((_, reject) => {
      given.signal.addEventListener('abort', () => reject(given.signal.reason))
    })
    return Promise.race([result, aborted])
  }
  return { work, context, end: () => end('all done') }
}

describe('jobs', () => {
  it('run at once, tell their progress and their result', async () => {
    const jobs = new Jobs()
    const { work, context, end } = held()
    const { id, finished } = jobs.start({ kind: 'index', collection: 'notes', unit: 'vectors' }, work)
    expect(jobs.get(id)).toMatchObject({
      id,
      kind: 'index',
      collection: 'notes',
      state: 'running',
      progress: { done: 0, total: 0, unit: 'vectors' },
    })
    const { progress } = await context
    progress({ done: 3, total: 10 })
    progress({ message: 'merging' })
    expect(jobs.get(id)?.progress).toEqual({ done: 3, total: 10, unit: 'vectors', message: 'merging' })
    end()
    expect(await finished).toBe('all done')
    expect(jobs.get(id)).toMatchObject({ state: 'done', result: 'all done', endedAt: expect.any(String) })
    expect(jobs.list().map((job) => job.id)).toEqual([id])
  })

  it('fail with their error, and nobody need look', async () => {
    const jobs = new Jobs()
    const failing = async (): Promise<never> => {
      throw new EngineError('DISK_FULL', 'no space left')
    }
    const { id } = jobs.start({ kind: 'x' }, failing)
    for await (const _ of jobs.watch(id));
    expect(jobs.get(id)).toMatchObject({
      state: 'failed',
      error: { code: 'DISK_FULL', message: 'no space left' },
    })
    const { finished } = jobs.start({ kind: 'x' }, () => {
      throw new TypeError('at once')
    })
    await expect(finished).rejects.toThrow('at once')
    expect(jobs.list()[1]).toMatchObject({ state: 'failed', error: { code: 'INTERNAL' } })
  })

  it('are cancelled, and cancel waits for their end', async () => {
    const jobs = new Jobs()
    const { id, finished } = jobs.start({ kind: 'x' }, held().work)
    expect(await jobs.cancel(id)).toBe(true)
    expect(jobs.get(id)).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } })
    await expect(finished).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await jobs.cancel(id)).toBe(false)
    await expect(jobs.cancel('nothing')).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' })
    expect(() => jobs.watch('nothing')).toThrowError(expect.objectContaining({ code: 'JOB_NOT_FOUND' }))
    expect(jobs.get('nothing')).toBeUndefined()
  })

  it('are watched from now on, through each change, to the final state', async () => {
    const jobs = new Jobs()
    const { work, context, end } = held()
    const { id } = jobs.start({ kind: 'x' }, work)
    const { progress } = await context
    const seen: Job[] = []
    for await (const job of jobs.watch(id)) {
      seen.push(job)
      if (job.progress.done < 3) progress({ done: job.progress.done + 1 })
      else end()
    }
    expect(seen.map(({ state, progress: { done } }) => [state, done])).toEqual([
      ['running', 0],
      ['running', 1],
      ['running', 2],
      ['running', 3],
      ['done', 3],
    ])
    const after: string[] = []
    for await (const job of jobs.watch(id)) after.push(job.state)
    expect(after).toEqual(['done'])
  })

  it('show a slow watcher the last state only', async () => {
    const jobs = new Jobs()
    const { work, context, end } = held()
    const { id, finished } = jobs.start({ kind: 'x' }, work)
    const { progress } = await context
    const watching = jobs.watch(id)
    await watching.next()
    for (let done = 1; done <= 1_000; done++) progress({ done })
    end()
    await finished
    const next = await watching.next()
    expect(next.value).toMatchObject({ state: 'done', progress: { done: 1_000 } })
    expect((await watching.next()).done).toBe(true)
  })

  it('are no longer watched when the watcher gives up', async () => {
    const jobs = new Jobs()
    const { id } = jobs.start({ kind: 'x' }, held().work)
    const controller = new AbortController()
    const watching = jobs.watch(id, { signal: controller.signal })
    await watching.next()
    const next = watching.next()
    controller.abort()
    expect((await next).done).toBe(true)
    await jobs.close()
  })

  it('are remembered up to 100 after their end, and while they run', async () => {
    const jobs = new Jobs()
    const running = jobs.start({ kind: 'running' }, held().work)
    for (let i = 0; i < 120; i++) await jobs.start({ kind: 'short' }, async () => i).finished
    const list = jobs.list()
    expect(list).toHaveLength(101)
    expect(list[0]?.id).toBe(running.id)
    expect(list.at(-1)?.result).toBe(119)
    expect(new Set(list.map(({ id }) => id)).size).toBe(101)
    await jobs.close()
  })

  it('are cancelled at the close, and none starts after it', async () => {
    const jobs = new Jobs()
    const { id } = jobs.start({ kind: 'x' }, held().work)
    await jobs.close()
    await jobs.close()
    expect(jobs.get(id)?.state).toBe('cancelled')
    await expect(jobs.start({ kind: 'x' }, async () => 1).finished).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
