import { describe, expect, it } from 'vitest'
import type { ItemInput } from '#src/core/types.js'
import { EMOJI_COUNT, readEmoji } from '#src/datasets/demo-sets.js'

describe('readEmoji', () => {
  it('gives every emoji once, with English text, Japanese metadata and a PNG of 72 x 72', async () => {
    const items: ItemInput[] = []
    for await (const item of readEmoji()) items.push(item)
    expect(items).toHaveLength(EMOJI_COUNT)
    expect(new Set(items.map(({ id }) => id)).size).toBe(EMOJI_COUNT)
    for (const { text, image, metadata } of items) {
      expect(text).toMatch(/\p{L}/u)
      expect(metadata).toMatchObject({
        emoji: expect.any(String),
        label: expect.any(String),
        group: expect.any(String),
      })
      const header = Buffer.from(image instanceof Uint8Array ? image : [])
      expect(header.toString('latin1', 1, 4)).toBe('PNG')
      expect([header.readUInt32BE(16), header.readUInt32BE(20)]).toEqual([72, 72])
    }
    expect(items.find(({ metadata }) => metadata?.emoji === '🎂')).toMatchObject({
      id: '1F382',
      text: expect.stringContaining('birthday cake'),
      metadata: { labelJa: 'バースデーケーキ', subgroup: expect.any(String) },
    })
    expect(items.some(({ id }) => /1F3F[B-F]/.test(id))).toBe(false)
  })
})
