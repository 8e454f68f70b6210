import { describe, expect, it } from 'vitest'
import { ImageTable } from '#src/engine/image-table.js'

const version = (encoder: string, encoderName: string, settings: Record<string, unknown> = {}) => ({
  ...{ encoder, encoderName, dim: 4, unit: true, version: 1 },
  settings,
})
const grey = { size: 28, channels: 1 }
const pictures = (...hashes: string[]) => new Map(hashes.map((hash) => [hash, new Uint8Array()]))

describe('ImageTable.plan', () => {
  const plan = (...wanted: Parameters<ImageTable['plan']>[0]) =>
    new ImageTable()
      .plan(wanted)
      .map(({ space, beside, renditions }) => [
        [space, ...beside.map((other) => other.space)],
        [...renditions.keys()],
      ])

  it('puts descriptors that look at the same pixels of the same pictures together', () => {
    const renditions = pictures('p', 'q')
    expect(
      plan(
        { space: 'descriptor', version: version('a', 'descriptor', grey), renditions },
        { space: 'pca', version: version('b', 'pca', grey), renditions },
        { space: 'outliers', version: version('c', 'descriptor', grey), renditions },
        { space: 'large', version: version('d', 'descriptor', { ...grey, size: 64 }), renditions },
      ),
    ).toEqual([
      [
        ['descriptor', 'outliers'],
        ['p', 'q'],
      ],
      [['pca'], ['p', 'q']],
      [['large'], ['p', 'q']],
    ])
  })

  it('keeps apart what has other pictures to encode, and encodes for one encoder once', () => {
    const a = version('a', 'descriptor', grey)
    expect(
      plan(
        { space: 'one', version: a, renditions: pictures('p') },
        { space: 'two', version: a, renditions: pictures('p', 'q') },
        { space: 'three', version: version('b', 'descriptor', grey), renditions: pictures() },
      ),
    ).toEqual([
      [['one'], ['p']],
      [['two'], ['q']],
    ])
  })
})
