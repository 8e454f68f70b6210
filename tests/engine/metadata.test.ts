import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Json, Metadata } from '#src/core/types.js'
import { canonicalJson, checkMetadata, mergeMetadata } from '#src/engine/metadata.js'

const key = fc
  .string({ maxLength: 4 })
  .filter((k) => !k.startsWith('$') && !k.includes('.') && !k.includes('\0') && k !== '__proto__')
const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => (Object.is(x, -0) ? 0 : x)),
    fc.string(),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(key, tie('json'), { maxKeys: 3, noNullPrototype: true }),
  ),
}))
const metadata = fc.dictionary(key, json, { maxKeys: 4, noNullPrototype: true })

describe('metadata', () => {
  it('is copied as JSON would copy it, and shares nothing', () => {
    fc.assert(
      fc.property(metadata, (value) => {
        const { metadata: copy, canonical } = checkMetadata(value)
        expect(copy).toEqual(value)
        expect(copy).not.toBe(value)
        expect(JSON.parse(canonical)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
      { seed: 1 },
    )
  })

  it('has one canonical form whatever the order of its keys', () => {
    const reversed = (value: Json): Json => {
      if (Array.isArray(value)) return value.map(reversed)
      if (typeof value !== 'object' || value === null) return value
      const entries = Object.entries(value).reverse()
      return Object.fromEntries(entries.map(([name, entry]) => [name, reversed(entry)]))
    }
    fc.assert(
      fc.property(metadata, (value) => {
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value))
      }),
      { seed: 2 },
    )
    expect(canonicalJson({ a: '1' })).not.toBe(canonicalJson({ a: 1 }))
  })

  it('is merged so that a patch holds afterwards, and a second time changes nothing', () => {
    fc.assert(
      fc.property(metadata, metadata, (target, patch) => {
        const before = JSON.stringify(target)
        const merged = mergeMetadata(target, patch)
        expect(JSON.stringify(target)).toBe(before)
        expect(mergeMetadata(merged, patch)).toEqual(merged)
        for (const [name, value] of Object.entries(patch)) {
          if (value === null) expect(Object.hasOwn(merged, name)).toBe(false)
          else if (typeof value !== 'object' || Array.isArray(value)) expect(merged[name]).toEqual(value)
        }
        for (const name of Object.keys(target))
          if (!Object.hasOwn(patch, name)) expect(merged[name]).toEqual(target[name])
      }),
      { seed: 3 },
    )
  })

  // RFC 7396, appendix A, as far as both are objects
  it.each<[Metadata, Metadata, Metadata]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j patched with %j is %j', (target, patch, result) => {
    expect(mergeMetadata(target, patch)).toEqual(result)
  })
})
