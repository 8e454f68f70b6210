/**
 * Search by words, by meaning and by both on judged collections; speed of keyword search; Japanese; whether collections of
 * long texts answer as many items as they can.
 *
 *   npx tsx scripts/bench/hybrid.ts --cranfield DIR --medline DIR --stsb DIR [--count 100000] [--seed 1]
 *     [--only quality,speed,japanese,long] [--long 5,10,200] [--bm25s PYTHON]
 *
 * `--bm25s` names a Python that has the packages bm25s and PyStemmer: another BM25 in the same table. Needs
 * `npm run build`. Nothing is chosen by these sets: they measure only. Exits 1 where a bound is missed.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { seededRandom } from '#src/core/random.js'
import type { SearchRequest } from '#src/core/types.js'
import { type Collection, Kindred } from '#src/index.js'
import { type JudgedSet, ndcg10, readCranfield, readMedline } from './judged.js'
import { longTexts } from './long-texts.js'
import { type Figure, machineFacts, printFigures } from './machine.js'

const { values } = parseArgs({
  options: {
    cranfield: { type: 'string', default: '' },
    medline: { type: 'string', default: '' },
    stsb: { type: 'string', default: '' },
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: 'quality,speed,japanese,long' },
    long: { type: 'string', default: '5,10,200' },
    bm25s: { type: 'string' },
  },
})
const seed = Number(values.seed)
const folder = mkdtempSync(join(tmpdir(), 'kindred-bench-'))
const kindred = await Kindred.open({ home: folder })

const WAYS: [name: string, request: Omit<SearchRequest, 'query'>][] = [
  ['dense', { mode: 'dense' }],
  ['keyword', { mode: 'keyword' }],
  ['hybrid (default)', {}],
  ['hybrid, --fusion score', { fusion: 'score' }],
]

async function quality(set: JudgedSet): Promise<Figure[]> {
  const collection = await kindred.collection(set.name)
  await collection.add(set.documents)
  await collection.settled()
  const means = new Map<string, number>()
  const byQuery = new Map<string, number[]>()
  for (const [name, request] of WAYS) {
    const all: number[] = []
    for (const { text, gains } of set.queries) {
      const { results } = await collection.search({ query: { text }, k: 10, include: [], ...request })
      all.push(
        ndcg10(
          results.map(({ id }) => id),
          gains,
        ),
      )
    }
    byQuery.set(name, all)
    means.set(name, all.reduce((sum, value) => sum + value, 0) / all.length)
  }
  const mean = (name: string): number => means.get(name) ?? Number.NaN
  const better = Math.max(mean('dense'), mean('keyword'))
  const figures = WAYS.map(([name]) => {
    const bound = name.startsWith('hybrid') ? `> ${better.toFixed(4)}` : ''
    const holds = !name.startsWith('hybrid') || mean(name) > better
    return { what: `${set.name}, nDCG@10, ${name}`, value: mean(name).toFixed(4), bound, holds }
  })
  const peer = values.bm25s === undefined ? [] : [peerQuality(set, values.bm25s)]
  return [...figures, ...peer, compared(set, byQuery)]
}

/** Of how many queries the default is above, at and below the better part of the whole collection. */
function compared(set: JudgedSet, byQuery: ReadonlyMap<string, number[]>): Figure {
  const sum = (name: string): number => (byQuery.get(name) ?? []).reduce((total, value) => total + value, 0)
  const part = sum('dense') > sum('keyword') ? 'dense' : 'keyword'
  const pairs = (byQuery.get('hybrid (default)') ?? []).map(
    (value, i) => value - (byQuery.get(part)?.[i] ?? 0),
  )
  const count = (holds: (gap: number) => boolean): number => pairs.filter(holds).length
  const value = `${count((gap) => gap > 1e-9)}/${count((gap) => Math.abs(gap) <= 1e-9)}/${count((gap) => gap < -1e-9)}`
  return {
    what: `  ${set.queries.length} queries, hybrid above/at/below ${part}`,
    value,
    bound: '',
    holds: true,
  }
}

function peerQuality(set: JudgedSet, python: string): Figure {
  const script = fileURLToPath(new URL('./bm25s_peer.py', import.meta.url))
  const input = JSON.stringify({ documents: set.documents, queries: set.queries.map(({ text }) => text) })
  const output = execFileSync(python, [script], { input, encoding: 'utf8', maxBuffer: 1 << 28 })
  const { version, found } = JSON.parse(output) as { version: string; found: string[][] }
  const all = set.queries.map(({ gains }, i) => ndcg10(found[i] ?? [], gains))
  const value = (all.reduce((sum, one) => sum + one, 0) / all.length).toFixed(4)
  return { what: `${set.name}, nDCG@10, bm25s ${version}`, value, bound: '', holds: true }
}

const vectors = { spaces: [{ name: 'none', dim: 1 }] }
const beside = { none: [1] }

/** Of STS-B train, each once. */
function readSentences(): string[] {
  const lines = readFileSync(join(values.stsb, 'sts-train.csv'), 'utf8').split('\n')
  return [...new Set(lines.flatMap((line) => line.split('\t').slice(5, 7)))]
}

/** Short texts: the beginning of one sentence and the end of another. */
async function speed(): Promise<Figure[]> {
  const count = Number(values.count)
  const random = seededRandom(seed)
  const words = readSentences()
    .map((text) => text.match(/[\p{L}\p{N}']+/gu) ?? [])
    .filter((all) => all.length > 3)
  const some = (): string[] => words[random.int(words.length)] ?? []
  const texts = Array.from({ length: count }, () => {
    const [first, last] = [some(), some()]
    return [...first.slice(0, Math.ceil(first.length / 2)), ...last.slice(last.length >> 1)]
  })
  const collection = await kindred.createCollection('short', vectors)
  const began = performance.now()
  for (let from = 0; from < count; from += 5_000) {
    const part = texts.slice(from, from + 5_000)
    await collection.add(
      part.map((text, i) => ({ id: `t${from + i}`, text: text.join(' '), vectors: beside })),
    )
  }
  const added = performance.now() - began
  await collection.settled()
  const word = (): string => {
    const text = texts[random.int(count)] ?? []
    return text[random.int(text.length)] ?? ''
  }
  const vocabulary = [...new Set(texts.flat())]
  const figures: Figure[] = []
  const ways: [string, () => string][] = [
    ['words as often as they are', word],
    ['each word of the vocabulary as often', () => vocabulary[random.int(vocabulary.length)] ?? ''],
  ]
  for (const [name, draw] of ways) {
    const queries = Array.from({ length: 1_200 }, () => `${draw()} ${draw()} ${draw()}`)
    const took: number[] = []
    for (const [i, text] of queries.entries()) {
      const start = performance.now()
      await collection.search({ query: { text }, mode: 'keyword', k: 10 })
      if (i >= 200) took.push(performance.now() - start)
    }
    took.sort((a, b) => a - b)
    const at = (part: number): number => took[Math.floor(part * took.length)] ?? Number.NaN
    const what = `keyword p95, three words of ${count} texts: ${name}`
    figures.push({ what, value: `${at(0.95).toFixed(2)} ms`, bound: '<= 10 ms', holds: at(0.95) <= 10 })
    figures.push({
      what: '  p50; p99',
      value: `${at(0.5).toFixed(2)}; ${at(0.99).toFixed(2)} ms`,
      bound: '',
      holds: true,
    })
  }
  figures.push({ what: `  adding them`, value: `${(added / 1000).toFixed(1)} s`, bound: '', holds: true })
  return figures
}

interface Emoji {
  id: string
  metadata: { labelJa?: string; tagsJa?: string[] }
}

/**
 * Each Japanese tag as a query, the emoji that have it as the answers. Recall@10: those of the first ten that are right,
 * by how many could be, which is 10 where a tag has more emoji.
 */
async function japanese(): Promise<Figure[]> {
  const path = new URL('../../data/emoji/emoji.jsonl', import.meta.url)
  const emoji = readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Emoji)
  const known = emoji.filter(
    ({ metadata }) => metadata.labelJa !== undefined && metadata.tagsJa !== undefined,
  )
  const byTag = new Map<string, Set<string>>()
  for (const { id, metadata } of known) {
    for (const tag of metadata.tagsJa ?? []) byTag.set(tag, (byTag.get(tag) ?? new Set()).add(id))
  }
  const fields = await kindred.createCollection('ja-fields', { ...vectors, keywords: ['tagsJa'] })
  await fields.add(
    known.map(({ id, metadata }) => ({
      id,
      text: metadata.labelJa,
      metadata: { tagsJa: metadata.tagsJa ?? [] },
      vectors: beside,
    })),
  )
  const texts = await kindred.createCollection('ja-texts', vectors)
  await texts.add(
    known.map(({ id, metadata }) => ({
      id,
      text: [metadata.labelJa, ...(metadata.tagsJa ?? [])].join('、'),
      vectors: beside,
    })),
  )
  const figures: Figure[] = []
  const ways: [string, Collection][] = [
    ['tags as a field beside the label', fields],
    ['label and tags in one text', texts],
  ]
  for (const [name, collection] of ways) {
    let sum = 0
    for (const [tag, right] of byTag) {
      const { results } = await collection.search({
        query: { text: tag },
        mode: 'keyword',
        k: 10,
        include: [],
      })
      sum += results.filter(({ id }) => right.has(id)).length / Math.min(10, right.size)
    }
    const recall = sum / byTag.size
    const what = `Japanese, keyword recall@10 of ${byTag.size} tags: ${name}`
    figures.push({ what, value: recall.toFixed(4), bound: '>= 0.95', holds: recall >= 0.95 })
  }
  return figures
}

const parts: Record<string, () => Promise<Figure[]>> = {
  quality: async () => [
    ...(await quality(readCranfield(values.cranfield))),
    ...(await quality(readMedline(values.medline))),
  ],
  speed,
  japanese,
  long: () =>
    longTexts(kindred, { sentences: readSentences(), sizes: values.long.split(',').map(Number), seed }),
}

try {
  console.log(`${machineFacts(['better-sqlite3', 'onnxruntime-node', 'stemmer'])}\nseed: ${seed}\n`)
  let holds = true
  for (const part of values.only.split(',')) holds = printFigures((await parts[part]?.()) ?? []) && holds
  process.exitCode = holds ? 0 : 1
} finally {
  await kindred.close()
  rmSync(folder, { recursive: true, force: true })
}
