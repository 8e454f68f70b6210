import { expect, it } from 'vitest'
import { RecentRows } from '#src/backends/embedded/recent-rows.js'

const rows = (most: number) => new RecentRows<string>({ most, bytesOf: (row) => row.length })

it('gives what was put, by collection and id, until it is forgotten', () => {
  const recent = rows(1_000)
  recent.put(1, 'a', 'one')
  recent.put(2, 'a', 'two')
  recent.put(2, 'b', 'three')
  expect([recent.get(1, 'a'), recent.get(2, 'a'), recent.get(1, 'b')]).toEqual(['one', 'two', undefined])
  recent.put(1, 'a', 'newer')
  expect(recent.get(1, 'a')).toBe('newer')
  recent.forget(2, ['a', 'nothing'])
  expect([recent.get(1, 'a'), recent.get(2, 'a'), recent.get(2, 'b')]).toEqual(['newer', undefined, 'three'])
  recent.forget(2)
  recent.forget(3)
  expect([recent.get(1, 'a'), recent.get(2, 'b')]).toEqual(['newer', undefined])
})

it('keeps no more than it may, and what is asked for longest', () => {
  const recent = rows(100)
  const row = 'x'.repeat(10)
  let kept = 0
  for (let i = 0; i < 1_000; i++) {
    recent.put(1, `i${i}`, row)
    expect(recent.get(1, 'i0')).toBe(row)
    const now = Array.from({ length: i + 1 }, (_, j) => `i${j}`).slice(-30)
    // looking must not change what is kept, so only every hundredth time
    if (i % 100 === 99) kept = Math.max(kept, now.filter((id) => recent.get(1, id) !== undefined).length)
  }
  expect(kept).toBeGreaterThanOrEqual(4)
  expect(kept).toBeLessThanOrEqual(10)
  recent.put(1, 'large', 'x'.repeat(51))
  expect(recent.get(1, 'large')).toBeUndefined()
})

it('gives nothing of a collection while it is written to, and then not what was written', async () => {
  const recent = rows(1_000)
  const fill = () => {
    for (const id of ['a', 'b', 'c']) recent.put(1, id, id)
    recent.put(2, 'a', 'other')
  }
  const left = () => ['a', 'b', 'c'].map((id) => recent.get(1, id))
  fill()
  const answer = await recent.during(
    1,
    async () => {
      expect(left()).toEqual([undefined, undefined, undefined])
      expect(recent.get(2, 'a')).toBe('other')
      // read before the commit, whenever that is
      recent.put(1, 'a', 'old')
      await recent.during(
        1,
        async () => 0,
        () => ['b'],
      )
      expect(left()).toEqual([undefined, undefined, undefined])
      return ['a']
    },
    (ids) => ids,
  )
  expect(answer).toEqual(['a'])
  expect(left()).toEqual([undefined, undefined, 'c'])
  fill()
  const failing = recent.during(
    1,
    () => Promise.reject(new Error('no')),
    () => ['a'],
  )
  await expect(failing).rejects.toThrow('no')
  expect(left()).toEqual([undefined, undefined, undefined])
  expect(recent.get(2, 'a')).toBe('other')
})

it('forgets in both generations', () => {
  const recent = rows(100)
  recent.put(1, 'a', 'x'.repeat(40))
  recent.put(1, 'b', 'x'.repeat(40))
  recent.put(1, 'a', 'y'.repeat(5))
  recent.forget(1, ['a'])
  expect(recent.get(1, 'a')).toBeUndefined()
  expect(recent.get(1, 'b')).toBe('x'.repeat(40))
})
