import { describe, expect, it } from 'vitest'
import type { Pixels } from '#src/core/image-encoder.js'
import { seededRandom } from '#src/core/random.js'
import { colourOf } from '#src/images/colour-scale.js'
import { decodePixels } from '#src/images/decode-pixels.js'
import { errorMap } from '#src/images/error-map.js'
import { explainImage } from '#src/images/explain-image.js'
import { worstRegion } from '#src/images/worst-region.js'

function make(
  width: number,
  height: number,
  channels: 1 | 3,
  value: (x: number, y: number) => number,
): Pixels {
  const values = Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const at = Math.floor(i / channels)
    return value(at % width, Math.floor(at / width))
  })
  return { width, height, channels, values }
}

const within = (
  x: number,
  y: number,
  [left, top, right, bottom]: [number, number, number, number],
): boolean => x >= left && x <= right && y >= top && y <= bottom

describe('the error map', () => {
  it('is the squared difference, the mean over channels', () => {
    const picture = make(2, 1, 3, (x) => (x === 0 ? 255 : 0))
    const values = picture.values.slice()
    values[0] = 0
    const map = errorMap(picture, { ...picture, values })
    expect([...map.values]).toEqual([expect.closeTo(1 / 3), 0])
    expect(map.error).toBeCloseTo(1 / 6)
  })

  it('refuses two of different sizes or channels, and says which', () => {
    const grey = make(4, 4, 1, () => 0)
    for (const other of [make(4, 5, 1, () => 0), make(4, 4, 3, () => 0)]) {
      expect(() => errorMap(grey, other)).toThrowError(
        expect.objectContaining({
          code: 'INVALID_IMAGE',
          message: expect.stringContaining('expected 4 x 4 pixels with 1 channels'),
        }),
      )
    }
    expect(() => errorMap(grey, { ...grey, values: new Uint8Array(3) })).toThrowError(
      expect.objectContaining({ code: 'INVALID_IMAGE' }),
    )
  })
})

describe('the worst region', () => {
  const random = seededRandom(11)
  const region = (picture: Pixels, reconstruction: Pixels) => worstRegion(errorMap(picture, reconstruction))

  it('is around a planted fault, among noise everywhere', () => {
    const reconstruction = make(28, 28, 1, () => 100)
    const picture = make(28, 28, 1, (x, y) => (within(x, y, [6, 15, 11, 19]) ? 240 : 100 + random.int(25)))
    const found = region(picture, reconstruction)
    const right = (found?.x ?? 0) + (found?.width ?? 0) - 1
    const bottom = (found?.y ?? 0) + (found?.height ?? 0) - 1
    expect(found?.x).toBeGreaterThanOrEqual(5)
    expect(found?.x).toBeLessThanOrEqual(6)
    expect(found?.y).toBeGreaterThanOrEqual(14)
    expect(found?.y).toBeLessThanOrEqual(15)
    expect(right).toBeGreaterThanOrEqual(11)
    expect(right).toBeLessThanOrEqual(12)
    expect(bottom).toBeGreaterThanOrEqual(19)
    expect(bottom).toBeLessThanOrEqual(20)
    expect(found?.share).toBeGreaterThan(0.7)
  })

  it('is the larger of two faults, even where the smaller is stronger in one pixel', () => {
    const reconstruction = make(64, 48, 1, () => 0)
    const picture = make(64, 48, 1, (x, y) =>
      within(x, y, [40, 30, 55, 41]) ? 150 : within(x, y, [5, 5, 7, 7]) ? 255 : 0,
    )
    const found = region(picture, reconstruction)
    expect(found?.x).toBeGreaterThan(35)
    expect(found?.y).toBeGreaterThan(25)
    expect(found?.share).toBeGreaterThan(0.7)
  })

  it('lies within pictures of any shape, and is none where nothing differs', () => {
    const [black, white] = [0, 255].map((value) => make(1, 1, 1, () => value)) as [Pixels, Pixels]
    expect(region(white, black)).toEqual({ x: 0, y: 0, width: 1, height: 1, share: 1 })
    expect(region(white, white)).toBeUndefined()
    const line = make(40, 1, 3, (x) => (x === 39 ? 255 : 0))
    expect(
      region(
        line,
        make(40, 1, 3, () => 0),
      ),
    ).toMatchObject({ y: 0, height: 1, share: 1 })
    const whole = make(9, 7, 1, () => 255)
    expect(
      region(
        whole,
        make(9, 7, 1, () => 0),
      ),
    ).toEqual({ x: 0, y: 0, width: 9, height: 7, share: 1 })
  })
})

describe('an explained picture', () => {
  it('shows picture, reconstruction and error side by side, enlarged, the region outlined', async () => {
    const reconstruction = make(28, 28, 1, () => 60)
    const picture = make(28, 28, 1, (x, y) => (within(x, y, [10, 10, 15, 15]) ? 255 : 60))
    const { png, region, error } = await explainImage({ picture, reconstruction })
    expect(error).toBeCloseTo((36 / 784) * (195 / 255) ** 2, 4)
    expect(region).toMatchObject({ share: 1 })

    const [scale, gap] = [5, 8]
    const [width, height] = [3 * 28 * scale + 2 * gap, 28 * scale]
    const sheet = await decodePixels(png, { width, height, channels: 3 })
    const at = (panel: number, x: number, y: number): number[] => {
      const left = panel * (28 * scale + gap) + x * scale + 2
      const start = ((y * scale + 2) * width + left) * 3
      return [...sheet.values.subarray(start, start + 3)]
    }
    expect(at(0, 12, 12)).toEqual([255, 255, 255])
    expect(at(0, 2, 2)).toEqual([60, 60, 60])
    expect(at(1, 12, 12)).toEqual([60, 60, 60])
    expect(at(2, 12, 12)).toEqual([...colourOf(1)])
    expect(at(2, 2, 2)).toEqual([36, 36, 36])
    const corner = ((region?.y ?? 0) * scale * width + 2 * (28 * scale + gap) + (region?.x ?? 0) * scale) * 3
    expect([...sheet.values.subarray(corner, corner + 3)]).toEqual([0, 229, 255])
    expect((await explainImage({ picture, reconstruction })).png).toEqual(png)
  })

  it('paints a good reconstruction faintly, and keeps the size of what is large enough', async () => {
    const picture = make(130, 130, 3, (x) => x)
    const reconstruction = make(130, 130, 3, (x) => x + 5)
    const { png } = await explainImage({ picture, reconstruction })
    const sheet = await decodePixels(png, { width: 3 * 130 + 16, height: 130, channels: 3 })
    const last = sheet.values.subarray(-(3 * 10 * 406 + 3 * 10)).subarray(0, 3)
    expect(Math.max(...last) - Math.min(...last)).toBeLessThan(25)
    expect((await explainImage({ picture, reconstruction: picture })).region).toBeUndefined()
  })

  it('takes colours that grow brighter with the error', () => {
    const lightness = (value: number): number => {
      const [r, g, b] = colourOf(value)
      return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    for (let i = 0; i < 50; i++) expect(lightness((i + 1) / 50)).toBeGreaterThan(lightness(i / 50))
    expect(colourOf(-1)).toEqual(colourOf(0))
    expect(colourOf(2)).toEqual(colourOf(1))
  })
})
