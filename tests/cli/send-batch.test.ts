import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { WireItem } from '#src/cli/client.js'
import { InterruptedBatch, sendBatch } from '#src/cli/send-batch.js'
import { EngineError } from '#src/core/errors.js'

/** An engine that takes a batch whole or not at all, and refuses bad texts with or without saying where. */
function engine(bad: ReadonlySet<string>, details: (index: number) => Record<string, unknown> | undefined) {
  const written: string[] = []
  const send = async (items: readonly WireItem[]) => {
    const index = items.findIndex((item) => bad.has(item.id))
    if (index >= 0) {
      throw new EngineError('INVALID_TEXT', `item ${index} ("${items[index]?.id}"): text is empty`, {
        details: details(index),
      })
    }
    written.push(...items.map((item) => item.id))
    return { upserted: items.length, unchanged: 0 }
  }
  return { send, written }
}

const ways = [
  ['by position', (index: number) => ({ index })],
  ['by field', (index: number) => ({ field: `items[${index}].text` })],
  ['not at all', () => undefined],
] as const

describe('sendBatch', () => {
  it.each(ways)('writes all good items and reports the bad ones, named %s', async (_how, details) => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 40 }), async (good) => {
        const items = good.map((_, i) => ({ id: `i${i}`, text: 'x' }))
        const bad = new Set(items.filter((_, i) => !good[i]).map((item) => item.id))
        const { send, written } = engine(bad, details)
        const outcome = await sendBatch(send, items)
        expect(written.sort()).toEqual(
          items
            .map(({ id }) => id)
            .filter((id) => !bad.has(id))
            .sort(),
        )
        expect(outcome.upserted).toBe(items.length - bad.size)
        expect(outcome.refused.map(({ id }) => id).sort()).toEqual([...bad].sort())
      }),
      { numRuns: 60, seed: 3 },
    )
  })

  it('leaves the position in the batch out of the reason', async () => {
    const { send } = engine(new Set(['b']), (index) => ({ index }))
    const { refused } = await sendBatch(send, [{ id: 'a' }, { id: 'b' }])
    expect(refused).toEqual([{ id: 'b', error: { code: 'INVALID_TEXT', message: 'text is empty' } }])
  })

  it('gives up on what no item is the cause of, and says what was written before', async () => {
    let calls = 0
    const send = async (items: readonly WireItem[]) => {
      calls++
      if (calls === 1) throw new EngineError('BODY_TOO_LARGE', 'too large')
      if (calls === 3) throw new EngineError('DISK_FULL', 'no space is left')
      return { upserted: items.length, unchanged: 0 }
    }
    const failed = sendBatch(send, [{ id: 'a' }, { id: 'b' }])
    await expect(failed).rejects.toBeInstanceOf(InterruptedBatch)
    await expect(failed).rejects.toMatchObject({
      outcome: { upserted: 1, unchanged: 0, refused: [] },
      cause: { code: 'DISK_FULL' },
    })
  })
})
