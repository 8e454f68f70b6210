import { afterEach, expect, test } from 'vitest'
import { BodyPool } from '#src/http/body-pool.js'

let pool = new BodyPool()
afterEach(async () => {
  await pool.close()
  pool = new BodyPool()
})

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const item = (i: number) => ({
  id: `i${i}`,
  text: 'é'.repeat(50),
  metadata: { i },
  vectors: { mine: [i, 0.5] },
})

test('small bodies are read at once, large ones in a thread, with the same result', async () => {
  const small = pool.body('items', bytes({ items: [item(1)] }))
  expect(small).not.toBeInstanceOf(Promise)
  const count = 3000
  const large = pool.body('items', bytes({ items: Array.from({ length: count }, (_, i) => item(i)) }))
  expect(large).toBeInstanceOf(Promise)
  const items = await large
  expect(items).toHaveLength(count)
  expect([items[1]]).toEqual(await small)
  expect(items[7]?.vectors?.mine).toEqual(Float32Array.of(7, 0.5))
})

test('many large bodies at once all get their own answer', async () => {
  const filler = 'x'.repeat(80_000)
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      pool.body('items', bytes({ items: [{ id: `i${i}`, text: filler }] })),
    ),
  )
  expect(answers.map((items) => items[0]?.id)).toEqual(Array.from({ length: 30 }, (_, i) => `i${i}`))
})

test('what waits is bounded: more is BUSY', async () => {
  const big = () => new Uint8Array(40 << 20)
  const waiting = [1, 2, 3].map(() => Promise.resolve(pool.body('items', big())).catch((error) => error.code))
  await expect(pool.body('items', big())).rejects.toMatchObject({ code: 'BUSY' })
  expect(await Promise.all(waiting)).toEqual(['INVALID_JSON', 'INVALID_JSON', 'INVALID_JSON'])
})

test('closing refuses what waits and what comes', async () => {
  const waiting = Promise.resolve(pool.body('items', new Uint8Array(1 << 20)))
  const refused = expect(waiting).rejects.toMatchObject({ code: 'CLOSED' })
  await pool.close()
  await refused
  await expect(pool.body('items', new Uint8Array(1 << 20))).rejects.toMatchObject({ code: 'CLOSED' })
})
