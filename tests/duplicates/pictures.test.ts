import { describe, expect, it } from 'vitest'
import { dot } from '#src/core/vectors.js'
import { comparePictures, planesOf, templateOf } from '#src/duplicates/compare-pictures.js'
import { likenessOf, PICTURE_THRESHOLD } from '#src/duplicates/judge-pictures.js'
import { PictureCandidates } from '#src/duplicates/picture-candidates.js'
import { PRINT_BYTES, printedSide, printOf } from '#src/duplicates/picture-print.js'
import { nearestScale, shortVectors } from '#src/duplicates/short-vector.js'
import { renderImage } from '#src/images/render-image.js'
import { plain } from '../images/make-images.js'
import { CHANGES, type Change, changed, drawScene } from '../support/changed-pictures.js'

const CHANGED = Object.keys(CHANGES) as Change[]

async function print(image: Uint8Array): Promise<Uint8Array> {
  return printOf((await renderImage(image)).rendition.bytes)
}

function compare(a: Uint8Array, b: Uint8Array) {
  const scale = nearestScale(shortVectors(a), shortVectors(b).plain)
  return comparePictures(templateOf(planesOf(a)), planesOf(b), scale)
}

describe('prints', () => {
  it('have one length and tell the size', async () => {
    const drawn = await print(await drawScene(1, 180, 120))
    expect(drawn.length).toBe(PRINT_BYTES)
    expect(printedSide(drawn)).toBe(180)
    expect(printedSide(await print(await drawScene(1, 600, 400)))).toBe(256)
    expect(printedSide(await print(await plain(1, 1, [9, 9, 9]).png().toBuffer()))).toBe(1)
  })

  it('of one brightness have a short vector of zeros and are like nothing', async () => {
    const grey = await print(await plain(90, 60, [99, 99, 99]).png().toBuffer())
    const scene = await print(await drawScene(1))
    expect(shortVectors(grey).plain.every((value) => value === 0)).toBe(true)
    expect(likenessOf(compare(grey, scene))).toBeLessThan(PICTURE_THRESHOLD)
    expect(likenessOf(compare(grey, grey))).toBeLessThan(PICTURE_THRESHOLD)
  })
})

describe('comparing pictures', () => {
  it.each(CHANGED)('knows a picture again after: %s, whichever is laid on the other', async (change) => {
    for (let seed = 1; seed <= 8; seed++) {
      const scene = await drawScene(seed)
      const [a, b] = [await print(scene), await print(await changed(scene, change))]
      expect(likenessOf(compare(a, b))).toBeGreaterThanOrEqual(PICTURE_THRESHOLD)
      expect(likenessOf(compare(b, a))).toBeGreaterThanOrEqual(PICTURE_THRESHOLD)
    }
  })

  it('takes no two different ones for the same', async () => {
    const prints = await Promise.all(
      Array.from({ length: 30 }, async (_, i) => print(await drawScene(i + 1))),
    )
    for (const [i, a] of prints.entries()) {
      for (const b of prints.slice(i + 1)) expect(likenessOf(compare(a, b))).toBeLessThan(PICTURE_THRESHOLD)
    }
  })

  it('sees a part that was changed, and other colours', async () => {
    const base = await drawScene(3)
    const { default: sharp } = await import('sharp')
    const square = { create: { width: 40, height: 40, channels: 3 as const, background: '#000' } }
    const patched = await sharp(base)
      .composite([{ input: square as never, left: 70, top: 40 }])
      .png()
      .toBuffer()
    const coloured = await sharp(base).modulate({ hue: 120 }).png().toBuffer()
    for (const other of [patched, coloured]) {
      expect(likenessOf(compare(await print(base), await print(other)))).toBeLessThan(PICTURE_THRESHOLD)
    }
  })
})

describe('candidates', () => {
  it('are the same from an index as from comparing all, but for few', async () => {
    const scenes = await Promise.all(Array.from({ length: 60 }, (_, i) => drawScene(i + 1, 90, 60)))
    const vectors = await Promise.all(scenes.map(async (scene) => shortVectors(await print(scene))))
    const [scan, index] = [new PictureCandidates(60, 60), new PictureCandidates(1e6, 1e6)]
    let [asked, agree] = [0, 0]
    for (const [i, vector] of vectors.entries()) {
      const [a, b] = [scan.near(vector), index.near(vector)]
      expect(a.every((other) => other < i)).toBe(true)
      asked += a.length
      agree += a.filter((other) => b.includes(other)).length
      scan.add(i, vector)
      index.add(i, vector)
    }
    expect(agree).toBeGreaterThanOrEqual(0.98 * asked)
    expect(scan.count).toEqual({ products: expect.any(Number), searches: 0 })
    expect(index.count.products).toBe(0)
  })

  it('hold the picture that was changed, by one of the three scales', async () => {
    for (const change of CHANGED) {
      const scene = await drawScene(5)
      const [a, b] = [await print(scene), await print(await changed(scene, change))].map(shortVectors)
      const best = Math.max(...(b?.tries ?? []).map(({ vector }) => dot(vector, a?.plain ?? vector)))
      expect(best).toBeGreaterThan(0.95)
    }
  })
})
