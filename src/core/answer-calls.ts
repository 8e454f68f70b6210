import { parentPort } from 'node:worker_threads'
import { CLOSE, type Reply } from './call-thread.js'
import { EngineError, toPlainError } from './errors.js'

/** How calls are answered. */
export interface AnswerOptions<Answer> {
  /** Makes the failure of an answer one that the caller knows. */
  failure?: (error: unknown) => unknown
  /** Memory of an answer that is handed over instead of copied. */
  transfer?: (answer: Answer) => ArrayBuffer[]
  /** Called before the thread ends. */
  close?: () => unknown
}

/**
 * In a worker thread: answers what a `CallThread` asks, one call after the other. Asked to close, it ends after the call
 * that it is answering; what waits then is refused with CLOSED. Calls that are answered without waiting for anything are all
 * answered before.
 */
export function answerCalls<Call, Answer>(
  answer: (call: Call) => Answer | Promise<Answer>,
  { failure = (error) => error, transfer = () => [], close }: AnswerOptions<Answer> = {},
): void {
  if (parentPort === null) throw new Error('calls are answered in a worker thread')
  const port = parentPort
  let closing = false
  let last: Promise<void> = Promise.resolve()
  const answerOne = async (call: Call & { id: number }): Promise<void> => {
    const { id } = call
    try {
      if (closing) throw new EngineError('CLOSED', 'the thread was closed')
      const made = await answer(call)
      port.postMessage({ id, answer: made } satisfies Reply<Answer>, transfer(made))
    } catch (error) {
      port.postMessage({ id, error: toPlainError(failure(error)) } satisfies Reply)
    }
  }
  const end = async (): Promise<void> => {
    await close?.()
    port.close()
  }
  port.on('message', (message: (Call & { id: number }) | typeof CLOSE) => {
    if (message === CLOSE) closing = true
    last = last.then(() => (message === CLOSE ? end() : answerOne(message)))
  })
}
