/** What calibration costs: the answering thread while one is made, and a search that is judged. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { EmbeddedBackend } from '#src/backends/embedded/embedded-backend.js'
import type { Backend } from '#src/core/backend.js'
import type { ItemInput } from '#src/core/types.js'
import { Jobs } from '#src/engine/jobs.js'
import { type Collection, Kindred } from '#src/index.js'
import type { JudgedSet } from './judged.js'
import { type Figure, median } from './machine.js'

const ROUNDS = 5

/** The longest block of the answering thread while a collection of all emoji is calibrated, and as long afterwards. */
export async function longestBlock(kindred: Kindred): Promise<Figure[]> {
  const path = new URL('../../data/emoji/emoji.jsonl', import.meta.url)
  const emoji = readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line): ItemInput => {
      const { id, text } = JSON.parse(line) as { id: string; text: string }
      return { id, text }
    })
  const collection = await kindred.collection('emoji')
  await collection.add(emoji)
  await collection.settled()
  // so that what is seen is the calibration's; a search by words begins none
  await kindred.warm()
  await collection.search({ query: { text: 'calibrate' }, mode: 'keyword' })
  await sleep(500)
  const began = performance.now()
  const block = await blocked(() => collection.search({ query: { text: 'calibrate' }, calibrated: true }))
  const took = performance.now() - began
  // what others on the machine do to a thread that does nothing
  const idle = await blocked(() => sleep(took))
  return [
    note(
      `${emoji.length} emoji calibrated in ${took.toFixed(0)} ms: longest block`,
      `${block.toFixed(1)} ms`,
    ),
    note('  the same while nothing is done', `${idle.toFixed(1)} ms`),
  ]
}

/** The longest that the event loop had to wait, in ms. */
async function blocked(work: () => Promise<unknown>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  await work()
  delay.disable()
  return delay.max / 1e6
}

/** Medians of the same searches judged and not judged, in turns: by two engines over one backend, one of which has no calibration. */
export async function judgingCost(set: JudgedSet, home: string): Promise<Figure[]> {
  const backend = await EmbeddedBackend.open({ home: join(home, 'cost'), jobs: new Jobs() })
  const judging = await Kindred.open({ home: join(home, 'cost'), backend })
  const silent = await Kindred.open({ home: join(home, 'silent'), backend: withoutSamples(backend) })
  try {
    const judged = await judging.collection(set.name)
    await judged.add(set.documents)
    await judged.settled()
    await judged.search({ query: { text: 'calibrate' }, calibrated: true })
    const plain = await silent.getCollection(set.name)
    const figures: Figure[] = []
    for (const mode of ['hybrid', 'dense'] as const) {
      const took = { judged: [] as number[], plain: [] as number[] }
      for (let round = 0; round < ROUNDS; round++) {
        for (const { text } of set.queries) {
          const ask = async (collection: Collection): Promise<number> => {
            const began = performance.now()
            await collection.search({ query: { text }, mode })
            return performance.now() - began
          }
          // whoever comes second finds pages and caches warm
          const judgedFirst = round % 2 === 0
          if (judgedFirst) took.judged.push(await ask(judged))
          took.plain.push(await ask(plain))
          if (!judgedFirst) took.judged.push(await ask(judged))
        }
      }
      const [whole, bare] = [median(took.judged), median(took.plain)]
      const value = `${(whole - bare).toFixed(2)} of ${whole.toFixed(2)} ms`
      figures.push(note(`${set.name}, ${mode}: a verdict costs a search, medians`, value))
    }
    return figures
  } finally {
    await silent.close()
    await judging.close()
  }
}

/** A view of a backend that no calibration can be made or read from, and that closing leaves open. */
function withoutSamples(backend: EmbeddedBackend): Backend {
  const none: Partial<Backend> = {
    sample: () => Promise.reject(new Error('nothing is calibrated here')),
    report: async () => undefined,
    close: async () => undefined,
  }
  return new Proxy<Backend>(backend, {
    get(target, name) {
      const value = Reflect.get(none, name) ?? Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function note(what: string, value: string): Figure {
  return { what, value, bound: '', holds: true }
}
