import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Job, JobContext } from '#src/core/jobs.js'
import type { Kindred } from '#src/engine/kindred.js'
import { type Call, openApp } from './open-app.js'

let call: Call
let app: Awaited<ReturnType<typeof openApp>>['app']
let kindred: Kindred
let close: () => Promise<void>
const closing = new AbortController()

beforeAll(async () => {
  ;({ app, call, kindred, close } = await openApp({ closing: closing.signal }))
})
afterAll(() => close())

/** A job that does what the test says and ends when it says so. */
function startJob() {
  let context: JobContext | undefined
  let finish: (result: unknown) => void = () => {}
  const { id, finished } = kindred.jobs.start({ kind: 'test', unit: 'items' }, (given) => {
    context = given
    return new Promise((resolve, reject) => {
      finish = resolve
      given.signal.addEventListener('abort', () => reject(given.signal.reason))
    })
  })
  finished.catch(() => {})
  return {
    id,
    finish: (result: unknown) => finish(result),
    progress: (done: number) => context?.progress({ done, total: 10 }),
  }
}

/** The events of a response, one at a time. */
async function* eventsOf(response: Response): AsyncGenerator<{ id?: string; job: Job }> {
  let text = ''
  for await (const bytes of response.body ?? []) {
    text += Buffer.from(bytes).toString()
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n')
      text = text.slice(end + 2)
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
      yield { id: field('id'), job: JSON.parse(field('data') ?? 'null') }
    }
  }
}

test('a job is listed and shown', async () => {
  const job = startJob()
  job.progress(3)
  expect((await call('GET', `/v1/jobs/${job.id}`)).json).toMatchObject({
    id: job.id,
    kind: 'test',
    state: 'running',
    progress: { done: 3, total: 10, unit: 'items' },
  })
  expect((await call('GET', '/v1/jobs')).json.jobs.map((one: Job) => one.id)).toContain(job.id)
  job.finish({ made: 1 })
})

test('events follow a job to its end and then end', async () => {
  const job = startJob()
  const response = await app.request(`/v1/jobs/${job.id}/events`)
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
  const events = eventsOf(response)
  expect((await events.next()).value.job.state).toBe('running')
  job.progress(4)
  expect((await events.next()).value.job.progress.done).toBe(4)
  job.finish({ made: 1 })
  const last = (await events.next()).value
  expect(last).toMatchObject({ id: 'last', job: { state: 'done', result: { made: 1 } } })
  expect((await events.next()).done).toBe(true)
  const again = await app.request(`/v1/jobs/${job.id}/events`, { headers: { 'last-event-id': 'last' } })
  expect(again.status).toBe(204)
})

test('DELETE cancels', async () => {
  const job = startJob()
  const events = eventsOf(await app.request(`/v1/jobs/${job.id}/events`))
  await events.next()
  expect((await call('DELETE', `/v1/jobs/${job.id}`)).status).toBe(200)
  const last = (await events.next()).value
  expect(last.job).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } })
  expect((await call('DELETE', `/v1/jobs/${job.id}`)).json.state).toBe('cancelled')
})

test('an unknown job is JOB_NOT_FOUND everywhere', async () => {
  for (const [method, path] of [
    ['GET', '/v1/jobs/zz'],
    ['DELETE', '/v1/jobs/zz'],
    ['GET', '/v1/jobs/zz/events'],
  ] as const) {
    const answer = await call(method, path)
    expect([answer.status, answer.json.error.code]).toEqual([404, 'JOB_NOT_FOUND'])
  }
})

test('event streams end when the server begins to close', async () => {
  const job = startJob()
  const events = eventsOf(await app.request(`/v1/jobs/${job.id}/events`))
  await events.next()
  const end = events.next()
  closing.abort()
  expect((await end).done).toBe(true)
  job.finish(null)
})
