// Duplicates: photos after five changes against pixel cosine and perceptual hashes, and how time and comparisons grow.
//   npx tsx scripts/bench/duplicates.ts photos FOLDER         the 200 that are judged
//   npx tsx scripts/bench/duplicates.ts rest FOLDER           the others, which the thresholds were chosen on
//   npx tsx scripts/bench/duplicates.ts small FILE.gz         1,000 pictures of 28 x 28 in IDX
//   npx tsx scripts/bench/duplicates.ts texts [COUNT]         default 100,000 short texts
//   npx tsx scripts/bench/duplicates.ts images [COUNT]        default 5,000 pictures
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { ItemContent } from '#src/core/backend.js'
import { seededRandom } from '#src/core/random.js'
import type { ItemInput } from '#src/core/types.js'
import { comparePictures, planesOf, templateOf } from '#src/duplicates/compare-pictures.js'
import { DuplicateTable, KINDS } from '#src/duplicates/duplicate-table.js'
import { likenessOf, PICTURE_THRESHOLD } from '#src/duplicates/judge-pictures.js'
import { PictureCandidates } from '#src/duplicates/picture-candidates.js'
import { PRINT_BYTES, PRINT_SIDE, PRINT_VERSION, printOf } from '#src/duplicates/picture-print.js'
import { nearestScale, shortVectors } from '#src/duplicates/short-vector.js'
import { Kindred } from '#src/engine/kindred.js'
import { renderImage } from '#src/images/render-image.js'
import { shuffledPhotos, type Version, versionsOf, versionsOfIdx } from './changed-photos.js'
import { machineFacts, processMemory } from './machine.js'
import { PEERS } from './picture-hashes.js'

const SEED = 11
const JUDGED = 200
const PRECISION = 0.99
/** Photos of Caltech-101 that are the same picture twice, as seen by eye: pairs of these count neither way. */
const SAME_PHOTOS = [
  ['cougar_body/image_0002.jpg', 'cougar_body/image_0026.jpg'],
  ['gerenuk/image_0004.jpg', 'gerenuk/image_0025.jpg'],
  ['inline_skate/image_0027.jpg', 'inline_skate/image_0030.jpg'],
  ['stop_sign/image_0001.jpg', 'stop_sign/image_0005.jpg', 'stop_sign/image_0022.jpg'],
  ['stop_sign/image_0011.jpg', 'stop_sign/image_0014.jpg'],
  ['trilobite/image_0011.jpg', 'trilobite/image_0022.jpg'],
]

/** A copy compared with an original. */
interface Judged {
  score: number
  /** Whether it is a copy of that one. */
  right: boolean
  change: string
  /** Of the original and the copy. */
  photos: readonly [number, number]
}

const [what = '', argument] = process.argv.slice(2)
console.log(machineFacts(['sharp', 'hnswlib-node', 'better-sqlite3']))
console.log(`seed ${SEED}`)
if ((what === 'photos' || what === 'rest') && argument) {
  const all = shuffledPhotos(argument, SEED)
  const paths = what === 'photos' ? all.slice(0, JUDGED) : all.slice(JUDGED)
  await judgePhotos(argument, paths)
} else if (what === 'small' && argument) await judgeSmall(argument)
else if (what === 'texts') await measureTexts(Number(argument ?? 100_000))
else if (what === 'images') measureImages(Number(argument ?? 5_000))
else {
  console.error('say: photos FOLDER, rest FOLDER, small FILE.gz, texts [COUNT] or images [COUNT]')
  process.exitCode = 2
}

async function judgePhotos(folder: string, paths: readonly string[]): Promise<void> {
  const names = paths.map((path) => relative(folder, path).replaceAll('\\', '/'))
  const versions = await versionsOf(paths)
  const isOwn = (a: number, b: number): boolean =>
    a !== b && SAME_PHOTOS.some((same) => same.includes(names[a] ?? '') && same.includes(names[b] ?? ''))
  console.log(`${paths.length} photos, ${versions.length - paths.length} changed copies`)
  console.log(`recall of (copy, original) at precision ${PRECISION}, over all copies x originals:`)
  for (const peer of PEERS) {
    const made = await Promise.all(versions.map(({ bytes }) => peer.make(bytes)))
    const scored = pairsOf(versions, isOwn, (copy, original) => {
      const [a, b] = [made[copy], made[original]]
      return a && b ? peer.score(a, b) : 0
    })
    printRecall(peer.name, scored)
  }
  const scores = await ownScores(versions)
  const scored = pairsOf(versions, isOwn, (copy, original) => scores.get(`${original} ${copy}`) ?? 0)
  printRecall('kindred', scored)
  const above = scored.filter(({ score }) => score >= PICTURE_THRESHOLD)
  const right = above.filter((pair) => pair.right).length
  console.log(
    `kindred at its threshold of ${PICTURE_THRESHOLD}: recall ${(right / scored.filter((pair) => pair.right).length).toFixed(4)}, precision ${(right / above.length).toFixed(4)}`,
  )
  const wrong = new Set(
    above.filter((pair) => !pair.right).map(({ photos: [a, b] }) => `${names[a]} ${names[b]}`),
  )
  for (const pair of wrong) console.log(`  taken for the same: ${pair}`)
  await judgeGroups(versions, isOwn)
}

/** Small pictures of which many look alike: what counts is that few are taken for the same. */
async function judgeSmall(path: string): Promise<void> {
  const versions = await versionsOfIdx(path, 1_000)
  const scores = await ownScores(versions)
  const found = [...scores].filter(([, score]) => score >= PICTURE_THRESHOLD)
  const isRight = ([pair]: [string, number]): boolean => {
    const [a = -1, b = -1] = pair.split(' ').map(Number)
    return versions[a]?.photo === versions[b]?.photo
  }
  const right = found.filter(isRight).length
  const scored = pairsOf(
    versions,
    () => false,
    (copy, original) => scores.get(`${original} ${copy}`) ?? 0,
  )
  const copies = scored.filter((pair) => pair.right)
  const known = copies.filter(({ score }) => score >= PICTURE_THRESHOLD).length
  console.log(
    `${versions.length} pictures: ${found.length - right} of ${found.length} pairs above the threshold are of different ones; recall of (copy, original) ${(known / copies.length).toFixed(3)}`,
  )
}

function pairsOf(
  versions: readonly Version[],
  isOwn: (a: number, b: number) => boolean,
  score: (copy: number, original: number) => number,
): Judged[] {
  const judged: Judged[] = []
  for (const [i, original] of versions.entries()) {
    if (original.change !== 'original') continue
    for (const [j, copy] of versions.entries()) {
      if (copy.change === 'original' || isOwn(original.photo, copy.photo)) continue
      judged.push({
        score: score(j, i),
        right: original.photo === copy.photo,
        change: copy.change,
        photos: [original.photo, copy.photo],
      })
    }
  }
  return judged
}

function printRecall(name: string, judged: readonly Judged[]): void {
  const sorted = judged.filter(({ score }) => score > 0).sort((a, b) => b.score - a.score)
  const total = judged.filter(({ right }) => right).length
  let [right, best, threshold] = [0, 0, Number.POSITIVE_INFINITY]
  for (const [i, pair] of sorted.entries()) {
    if (pair.right) right++
    // pairs of equal scores come together or not at all
    if (sorted[i + 1]?.score === pair.score || right / (i + 1) < PRECISION) continue
    best = right
    threshold = pair.score
  }
  const changes = [...new Set(judged.map(({ change }) => change))].map((change) => {
    const own = judged.filter((pair) => pair.right && pair.change === change)
    return `${change} ${(own.filter(({ score }) => score >= threshold).length / own.length).toFixed(3)}`
  })
  console.log(`  ${name.padEnd(40)} ${(best / total).toFixed(4)}   ${changes.join(', ')}`)
}

/** Scores of the pairs that become candidates when all versions are added in a drawn order, by `lesser greater` number. */
async function ownScores(versions: readonly Version[]): Promise<Map<string, number>> {
  const prints = await Promise.all(
    versions.map(async ({ bytes }) => printOf((await renderImage(bytes)).rendition.bytes)),
  )
  const candidates = new PictureCandidates(prints.length, prints.length)
  const planes = prints.map(planesOf)
  const vectors = prints.map(shortVectors)
  const scores = new Map<string, number>()
  const began = performance.now()
  for (const [i, own] of vectors.entries()) {
    const template = templateOf(planes[i] as (typeof planes)[number])
    for (const other of candidates.near(own)) {
      const scale = nearestScale(own, (vectors[other] as (typeof vectors)[number]).plain)
      scores.set(
        `${other} ${i}`,
        likenessOf(comparePictures(template, planes[other] as (typeof planes)[number], scale)),
      )
    }
    candidates.add(i, own)
  }
  const ms = performance.now() - began
  console.log(
    `  kindred compared ${scores.size} of ${(prints.length * (prints.length - 1)) / 2} pairs, ${(ms / scores.size).toFixed(2)} ms each`,
  )
  return scores
}

/** The same through the library: what is in the group of its original. */
async function judgeGroups(
  versions: readonly Version[],
  isOwn: (a: number, b: number) => boolean,
): Promise<void> {
  await withKindred(async (kindred) => {
    const collection = await kindred.collection('photos')
    const items = versions.map(({ bytes }, i): ItemInput => ({ id: String(i), image: bytes }))
    for (let from = 0; from < items.length; from += 100) await collection.add(items.slice(from, from + 100))
    const began = performance.now()
    const { groups, compared } = await collection.duplicates()
    const seconds = (performance.now() - began) / 1000
    let [right, wrong, found] = [0, 0, 0]
    const photoOf = (id: string): number => versions[Number(id)]?.photo ?? -1
    for (const { keep, duplicates } of groups) {
      for (const { id } of duplicates) {
        if (photoOf(id) === photoOf(keep)) right++
        else if (!isOwn(photoOf(id), photoOf(keep))) wrong++
      }
      const members = [keep, ...duplicates.map(({ id }) => id)]
      const originals = members.filter((id) => versions[Number(id)]?.change === 'original').map(photoOf)
      found += members.filter(
        (id) => versions[Number(id)]?.change !== 'original' && originals.includes(photoOf(id)),
      ).length
    }
    const copies = versions.filter(({ change }) => change !== 'original').length
    console.log(
      `collection.duplicates(): copies in the group of their original ${(found / copies).toFixed(4)}, (kept, duplicate) that are of one photo ${(right / (right + wrong)).toFixed(4)}; ${groups.length} groups, ${compared.images} comparisons, ${seconds.toFixed(1)} s`,
    )
  })
}

async function measureTexts(count: number): Promise<void> {
  const random = seededRandom(SEED)
  const words = Array.from({ length: 20_000 }, () => random.int(2 ** 30).toString(36))
  const draw = (): string[] =>
    Array.from({ length: 10 + random.int(10) }, () => words[random.int(20_000)] ?? '')
  const texts: string[] = []
  let [exact, near] = [0, 0]
  while (texts.length < count) {
    const own = draw()
    texts.push(own.join(' '))
    const chance = random.uniform()
    if (chance < 0.01) {
      texts.push(own.join(' '))
      exact++
    } else if (chance < 0.06) {
      // one word is another one
      own[random.int(own.length)] = words[random.int(20_000)] ?? ''
      texts.push(own.join(' '))
      near++
    }
  }
  await withKindred(async (kindred) => {
    const collection = await kindred.collection('texts', { spaces: [{ name: 'none', dim: 2 }] })
    const items = texts.map((text, i): ItemInput => ({ id: String(i), text }))
    for (let from = 0; from < items.length; from += 5_000)
      await collection.add(items.slice(from, from + 5_000))
    const before = processMemory('VmRSS')
    const run = async (title: string): Promise<void> => {
      const delay = monitorEventLoopDelay({ resolution: 1 })
      delay.enable()
      const began = performance.now()
      const { found, compared, fingerprinted } = await collection.duplicates()
      const seconds = (performance.now() - began) / 1000
      delay.disable()
      console.log(
        `${title}: ${seconds.toFixed(1)} s, ${fingerprinted.texts} fingerprints, ${compared.texts} pairs compared; found ${found.exact} exact and ${found.near} near; longest stall ${(delay.max / 1e6).toFixed(0)} ms`,
      )
    }
    console.log(
      `${texts.length} texts of 10 to 19 words, ${exact} written twice, ${near} with one word changed`,
    )
    await run('first run')
    console.log(`peak memory above before: ${((processMemory('VmHWM') - before) / 2 ** 20).toFixed(0)} MB`)
    await run('again, nothing new')
    await collection.add(
      Array.from({ length: 100 }, (_, i): ItemInput => ({ id: `new ${i}`, text: `${texts[i]} and more` })),
    )
    await run('again, 100 new')
  })
}

/** Pictures of a few waves, a fourth, a half and all of them, so that growth shows. */
function measureImages(count: number): void {
  const random = seededRandom(SEED)
  let compared = 0
  for (const size of [Math.round(count / 4), Math.round(count / 2), count]) {
    const table = new DuplicateTable({ progress: () => undefined, check: () => undefined })
    const items = Array.from({ length: size }, (_, i): ItemContent => {
      const hash = `picture ${i}`
      const kept = { source: `${PRINT_VERSION} ${hash}`, bytes: noisePrint(random) }
      return {
        id: hash,
        textHash: null,
        textBytes: 0,
        imageHash: hash,
        pixels: 1,
        fingerprints: { [KINDS.picture]: kept },
      }
    })
    const before = processMemory('VmRSS')
    const began = performance.now()
    table.load(items)
    table.comparePictures()
    const seconds = (performance.now() - began) / 1000
    compared = table.counts.images
    console.log(
      `${size} pictures: ${seconds.toFixed(1)} s, ${compared} pairs compared (${(compared / size).toFixed(1)} a picture; all would be ${(size * (size - 1)) / 2}), memory ${((processMemory('VmRSS') - before) / 2 ** 20).toFixed(0)} MB more`,
    )
  }
}

/** Few waves of random directions: as photos, no two are alike, but their short vectors come near to each other. */
function noisePrint(random: ReturnType<typeof seededRandom>): Uint8Array {
  const print = new Uint8Array(PRINT_BYTES).fill(128)
  print[0] = 255
  const waves = Array.from({ length: 4 }, () => [
    random.normal() * 0.12,
    random.normal() * 0.12,
    random.uniform() * 6.3,
  ])
  for (let i = 0; i < PRINT_SIDE * PRINT_SIDE; i++) {
    const [x, y] = [i % PRINT_SIDE, Math.floor(i / PRINT_SIDE)]
    let value = 0
    for (const [u = 0, v = 0, phase = 0] of waves) value += Math.sin(u * x + v * y + phase)
    print[1 + i] = Math.min(255, Math.max(0, Math.round(128 + 28 * value)))
  }
  return print
}

async function withKindred(work: (kindred: Kindred) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'kindred-bench-'))
  const kindred = await Kindred.open({ home })
  try {
    await work(kindred)
  } finally {
    await kindred.close()
    await rm(home, { recursive: true, force: true })
  }
}
