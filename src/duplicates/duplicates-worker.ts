import { parentPort, workerData } from 'node:worker_threads'
import { answerCalls } from '../core/answer-calls.js'
import { EngineError } from '../core/errors.js'
import { yieldToOthers } from '../core/yield-to-others.js'
import type {
  CallName,
  Calls,
  DuplicatesCall,
  DuplicatesInput,
  DuplicatesProgress,
} from './duplicate-messages.js'
import { DuplicateTable } from './duplicate-table.js'

const cancelled = new Int32Array((workerData as DuplicatesInput).cancelled)
const PROGRESS_MS = 100
let reported = 0

const table = new DuplicateTable({
  progress(done, total) {
    const now = performance.now()
    if (done < total && now - reported < PROGRESS_MS) return
    reported = now
    parentPort?.postMessage({ progress: { done, total } } satisfies DuplicatesProgress)
  },
  check() {
    if (Atomics.load(cancelled, 0) !== 0)
      throw new EngineError('CANCELLED', 'the search for duplicates was cancelled')
  },
})

yieldToOthers()
answerCalls(answer)

function answer(message: DuplicatesCall): Calls[CallName]['answer'] | Promise<Calls[CallName]['answer']> {
  switch (message.call) {
    case 'load':
      return table.load(message.asked.items)
    case 'printPictures':
      return table.printPictures(message.asked.pictures, message.asked.renditions)
    case 'printTexts':
      return table.printTexts(message.asked.texts, message.asked.values)
    case 'comparePictures':
      table.comparePictures()
      return null
    case 'pairTexts':
      return table.pairTexts()
    case 'pairTextsAgain':
      return table.pairTextsAgain()
    case 'nextTexts':
      return table.nextTexts()
    case 'compareTexts':
      return table.compareTexts(message.asked.texts, message.asked.values)
    case 'newPairs':
      return table.newPairs(message.asked)
    case 'addSimilar':
      table.addSimilar(message.asked.pairs)
      return null
    case 'group':
      return table.group(message.asked.settings)
    case 'groupRows':
      return table.groupRows(message.asked.from, message.asked.limit)
    case 'counts':
      return table.counts
  }
}
