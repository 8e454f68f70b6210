import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DuplicateOptions, DuplicatePage, ItemInput } from '#src/core/types.js'
import type { Collection } from '#src/engine/collection.js'
import { CHANGES, type Change, changed, drawScene } from '../support/changed-pictures.js'
import { ENGINES, type OpenedEngine } from '../support/engines.js'

const FOX =
  'The quick brown fox jumps over the lazy dog near the river bank, while the old farmer watches the sun go down behind the hills.'
const TOKYO =
  '東京タワーは日本の首都にある高さ三百三十三メートルの電波塔で、毎年多くの観光客が展望台からの夜景を楽しみに訪れます。'
/** No text encoder: nothing here needs one. */
const PLAIN = { spaces: [{ name: 'own', dim: 3 }] }

/** The groups as `keep: relation id, …`. */
function told({ groups }: Pick<DuplicatePage, 'groups'>): string[] {
  return groups.map(({ keep, duplicates }) => {
    return `${keep}: ${duplicates.map(({ relation, id }) => `${relation} ${id}`).join(', ')}`
  })
}

const text = (id: string, words: string): ItemInput => ({ id, text: words })

describe.each(ENGINES)('duplicates over %s', (_, open) => {
  let opened: OpenedEngine
  let collection: Collection

  beforeEach(async () => {
    opened = await open()
    collection = await opened.kindred.collection('things', PLAIN)
  })
  afterEach(() => opened.cleanup())

  const find = (options?: DuplicateOptions) => collection.duplicates(options)

  it('finds none in an empty collection and in one of one item', async () => {
    expect(await find()).toMatchObject({ items: 0, groups: [], found: { groups: 0, exact: 0 } })
    await collection.add([text('only', FOX)])
    expect(await find()).toMatchObject({ items: 1, groups: [] })
    expect(await find({ relations: ['similar'] })).toMatchObject({ items: 1, groups: [] })
  })

  it('finds equal texts, and keeps what was written first', async () => {
    await collection.add([text('b', FOX), text('a', FOX), text('c', `${FOX}!`), text('d', 'Something else.')])
    const answer = await find({ relations: ['exact'] })
    expect(told(answer)).toEqual(['b: exact a'])
    expect(answer.groups[0]?.duplicates[0]?.score).toBe(1)
    expect(answer.compared.texts).toBe(0)
  })

  it('finds texts that differ in case, spaces, punctuation or a few words, and keeps the longest', async () => {
    await collection.add([
      text('first', FOX),
      text('loud', FOX.toUpperCase()),
      text('spaced', FOX.replaceAll(' ', '  \n')),
      text('edited', FOX.replace('brown', 'red').replace('old', 'young')),
      text('other', 'A recipe for bread: flour, water, salt and time, and an oven that is hot enough.'),
      text('another', 'The quarterly report shows that revenue grew by four percent over the last year.'),
    ])
    const answer = await find()
    expect(answer.found).toEqual({ groups: 1, exact: 0, near: 3, similar: 0 })
    expect(told(answer)).toEqual(['spaced: near first, near loud, near edited'])
    const scores = answer.groups[0]?.duplicates.map(({ score }) => score) ?? []
    expect(scores.slice(0, 2)).toEqual([1, 1])
    expect(scores[2]).toBeGreaterThan(0.7)
    expect(scores[2]).toBeLessThan(1)
    expect(told(await find({ textThreshold: 0.95 }))).toEqual(['spaced: near first, near loud'])
  })

  it('finds Japanese texts that were edited, and not others', async () => {
    await collection.add([
      text('tokyo', TOKYO),
      text('edited', TOKYO.replace('夜景', '景色').replace('東京タワー', '東京 タワー')),
      text(
        'osaka',
        '大阪城は豊臣秀吉が築いた城で、春には桜の名所として知られ、天守閣の中は博物館になっています。',
      ),
    ])
    expect(told(await find())).toEqual(['edited: near tokyo'])
  })

  it('finds pictures after each of five changes, and no pairs among different ones', async () => {
    const items: ItemInput[] = []
    for (let seed = 1; seed <= 6; seed++) {
      const image = await drawScene(seed)
      items.push({ id: `${seed}`, image: new Uint8Array(image) })
      if (seed > 3) continue
      for (const change of Object.keys(CHANGES) as Change[]) {
        items.push({ id: `${seed} ${change}`, image: await changed(image, change) })
      }
    }
    await collection.add(items)
    const answer = await find()
    expect(answer.found).toEqual({ groups: 3, exact: 0, near: 15, similar: 0 })
    for (const { keep, duplicates } of answer.groups) {
      // turning makes the canvas larger
      expect(keep).toMatch(/turn$/)
      for (const { id } of duplicates) expect(id[0]).toBe(keep[0])
    }
  })

  it('takes pictures with other words for others, unless it is told to look at the pictures alone', async () => {
    const image = new Uint8Array(await drawScene(1))
    const jpeg = await changed(image, 'jpeg')
    await collection.add([
      { id: 'a', image, text: 'A boat on the lake in the evening' },
      { id: 'b', image, text: 'Chapter four of the history of the town' },
      { id: 'c', image: jpeg, text: 'a boat on the lake, in the evening' },
      { id: 'd', image },
    ])
    expect(told(await find({ by: 'image' }))).toEqual(['a: exact b, exact d, near c'])
    expect(told(await find({ by: 'text' }))).toEqual(['c: near a'])
    expect(told(await find({ by: 'item', relations: ['exact'] }))).toEqual([])
    // d has no words that could differ; b has the longest
    expect(told(await find())).toEqual(['b: near d', 'c: near a'])
  })

  it('finds similar items by the vectors of a space, above a threshold', async () => {
    await collection.add([
      { id: 'x', vectors: { own: [1, 0, 0] } },
      { id: 'y', vectors: { own: [1, 0.1, 0] } },
      { id: 'z', vectors: { own: [0, 0, 1] } },
    ])
    const answer = await find({ relations: ['similar'], space: 'own', threshold: 0.99 })
    expect(told(answer)).toEqual(['x: similar y'])
    expect(answer.groups[0]?.duplicates[0]?.score).toBeCloseTo(1 / Math.hypot(1, 0.1), 3)
    expect(await find({ relations: ['similar'], threshold: 0.9999 })).toMatchObject({ groups: [] })
  })

  it('does not run chains together: each goes only with one that it is like itself', async () => {
    const words = Array.from({ length: 40 }, (_, i) => `word${'abcdefghij'[i % 10]}${i}`)
    const chain = [0, 5, 10, 15].map((n) => shifted(words, n).join(' '))
    await collection.add(chain.map((value, i) => text(String.fromCharCode(97 + i), value)))
    const answer = await find()
    for (const { keep, duplicates } of answer.groups) {
      for (const { id } of duplicates) {
        expect(Math.abs(id.charCodeAt(0) - keep.charCodeAt(0))).toBe(1)
      }
    }
    expect(answer.found.near).toBeGreaterThan(0)
  })

  it('works only on what is new when it is run again, with the same groups as from scratch', async () => {
    const scene = async (seed: number, change?: Change): Promise<Uint8Array> => {
      const image = new Uint8Array(await drawScene(seed))
      return change ? changed(image, change) : image
    }
    const first: ItemInput[] = [
      text('fox', FOX),
      text('tokyo', TOKYO),
      { id: 'p1', image: await scene(1) },
      { id: 'p2', image: await scene(2) },
      { id: 'p2 half', image: await scene(2, 'half') },
    ]
    const second: ItemInput[] = [
      text('fox 2', FOX.replace('brown', 'red')),
      { id: 'p1 crop', image: await scene(1, 'crop') },
      { id: 'p3', image: await scene(3) },
    ]
    await collection.add(first)
    expect((await find()).fingerprinted).toEqual({ texts: 2, images: 3 })
    expect(await find()).toMatchObject({
      fingerprinted: { texts: 0, images: 0 },
      compared: { texts: 0, images: 0 },
      groups: [{ keep: 'p2', duplicates: [{ id: 'p2 half' }] }],
    })
    await collection.add(second)
    await collection.add([text('tokyo', FOX.replace('old', 'young'))])
    await collection.remove(['p2 half'])
    const again = await find()
    expect(again.fingerprinted).toEqual({ texts: 2, images: 2 })

    const fresh = await opened.kindred.collection('fresh', PLAIN)
    const kept = first.filter(({ id }) => id !== 'p2 half')
    await fresh.add(
      kept.map((item) => (item.id === 'tokyo' ? text('tokyo', FOX.replace('old', 'young')) : item)),
    )
    await fresh.add(second)
    const scratch = await fresh.duplicates()
    expect(again.groups).toEqual(scratch.groups)
    expect(told(again)).toEqual(['tokyo: near fox, near fox 2', 'p1: near p1 crop'])
  })

  it('refuses what it cannot do, naming the field', async () => {
    const refused = (options: unknown, field: string, code = 'INVALID_REQUEST') =>
      expect(find(options as DuplicateOptions)).rejects.toMatchObject({ code, details: { field } })
    await refused({ relations: [] }, 'relations')
    await refused({ relations: ['nearly'] }, 'relations')
    await refused({ relations: 'exact' }, 'relations')
    await refused({ by: 'colour' }, 'by')
    await refused({ textThreshold: 0.2 }, 'textThreshold')
    await refused({ imageThreshold: 1.1 }, 'imageThreshold')
    await refused({ imageThreshold: Number.NaN }, 'imageThreshold')
    await refused({ relations: ['similar'], threshold: -0.1 }, 'threshold')
    await refused({ relations: ['similar'], threshold: '0.9' }, 'threshold')
    await refused({ threshold: 0.9 }, 'threshold')
    await refused({ space: 'own' }, 'space')
    await refused({ relations: ['similar'], space: 'nowhere' }, 'space', 'SPACE_NOT_FOUND')
    await refused({ relations: ['similar'], space: 7 }, 'space')
    await refused({ limit: 3 }, 'limit')
    await expect(collection.latestDuplicates()).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(collection.latestDuplicates({ limit: 0 })).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  })

  it('can be cancelled, and leaves the result before as it was; one runs at a time', async () => {
    await collection.add([text('a', FOX), text('b', FOX)])
    const before = await find()
    await expect(collection.duplicates({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    const { job, finished } = await collection.startDuplicates()
    await expect(collection.startDuplicates()).rejects.toMatchObject({ code: 'CONFLICT', details: { job } })
    await opened.kindred.jobs.cancel(job)
    await expect(finished).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(opened.kindred.jobs.get(job)?.state).toBe('cancelled')
    expect(await collection.latestDuplicates()).toEqual(before)
  })

  it('gives the latest result page by page, and refuses pages of another one', async () => {
    const items = Array.from({ length: 5 }, (_, i) => [
      text(`${i}`, `${FOX} ${i * 1_111_111}`),
      text(`${i} again`, `${FOX} ${i * 1_111_111}`),
    ])
    await collection.add(items.flat())
    await find({ relations: ['exact'] })
    const first = await collection.latestDuplicates({ limit: 2 })
    expect(told(first)).toEqual(['0: exact 0 again', '1: exact 1 again'])
    const next = await collection.latestDuplicates({ limit: 2, cursor: first.cursor })
    const last = await collection.latestDuplicates({ limit: 2, cursor: next.cursor })
    expect(told(last)).toEqual(['4: exact 4 again'])
    expect(last.cursor).toBeUndefined()
    await find({ relations: ['exact'] })
    await expect(collection.latestDuplicates({ cursor: first.cursor })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    })
    await opened.kindred.deleteCollection('things')
    collection = await opened.kindred.collection('things', PLAIN)
    await expect(collection.latestDuplicates()).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('compares and groups only items that match, as if there were no others', async () => {
    const lion =
      'Lions sleep through the heat of the day and hunt along the water holes when the night is cool.'
    const item = (id: string, text: string, of: string, own: number[]): ItemInput => {
      return { id, text, metadata: { of }, vectors: { own } }
    }
    await collection.add([
      item('longest', `${FOX} And so on.`, 'old', [1, 0, 0]),
      item('fox', FOX, 'new', [0, 1, 0]),
      item('lion', lion, 'new', [0, 0, 1]),
      item('again', FOX, 'new', [1, 0.01, 0]),
      item('late', lion, 'old', [0, 0.01, 1]),
    ])
    const relations: DuplicateOptions['relations'] = ['exact', 'near', 'similar']
    const where = { of: { $in: ['new'] } }
    const answer = await find({ relations, where })
    expect(answer).toMatchObject({ items: 3, options: { where } })
    expect(told(answer)).toEqual(['fox: exact again'])
    // what is found among some says nothing about what is found among all
    const all = await find({ relations })
    expect(all.options).not.toHaveProperty('where')
    expect(told(all)).toEqual(['longest: near fox, near again', 'lion: exact late'])
    expect(told(await find({ relations, where: { of: 'old' } }))).toEqual([])
    expect(told(await find({ relations: ['similar'], where: { own: 1 } }))).toEqual([])
    await expect(find({ where: { of: { $near: 1 } } })).rejects.toMatchObject({ code: 'INVALID_FILTER' })
  })

  it('is cancelled when its collection is deleted, and leaves nothing in one that is made anew', async () => {
    const texts = Array.from({ length: 1_500 }, (_, i) => text(`${i}`, `${FOX} This is copy number ${i}.`))
    await collection.add(texts)
    const { job, finished } = await collection.startDuplicates()
    const refused = expect(finished).rejects.toMatchObject({ code: 'CANCELLED' })
    await opened.kindred.deleteCollection('things')
    expect(opened.kindred.jobs.get(job)).toMatchObject({ state: 'cancelled' })
    await refused
    collection = await opened.kindred.collection('things', PLAIN)
    await collection.add(texts.slice(0, 2))
    await expect(collection.latestDuplicates()).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await find()).toMatchObject({ items: 2 })
  })

  it('compares few pairs of many texts that fall together', async () => {
    await collection.add(
      Array.from({ length: 1_500 }, (_, i) => text(`${i}`, `${FOX} ${FOX} This is copy number ${i}.`)),
    )
    const { compared, found } = await find()
    expect(found).toMatchObject({ groups: 1, near: 1_499 })
    expect(compared.texts).toBeLessThan(1_500 * 64)
  })
})

/** The words with those before `n` replaced by others. */
function shifted(words: readonly string[], n: number): string[] {
  return words.map((word, i) => (i < n ? `other${i}` : word))
}
