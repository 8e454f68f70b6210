import { answerCalls } from '../core/answer-calls.js'
import type { Detection } from '../core/detection.js'
import type { DetectionCall, DetectionCallName, DetectionCalls } from './detection-messages.js'
import { fitDetection } from './fit-detection.js'
import { loadDetection } from './load-detection.js'
import { UsualItems } from './usual-items.js'

/** Detections kept loaded; the one that was used least recently goes. */
const MOST_LOADED = 8

const loaded = new Map<string, { detection: Detection; usual: UsualItems }>()

answerCalls(answer)

function answer(message: DetectionCall): DetectionCalls[DetectionCallName]['answer'] {
  switch (message.call) {
    case 'fit': {
      const { rows, options } = message.asked
      const { detection, scores, trimmed } = fitDetection(rows, options)
      const { report } = detection
      const usual = UsualItems.fit(rows, trimmed).save()
      const settings = { detection: detection.settings(), usual: usual.settings }
      return { settings, files: { ...detection.files(), ...usual.files }, report, scores, trimmed }
    }
    case 'load': {
      const { key, settings, files } = message.asked
      const { detection, usual } = settings as Record<'detection' | 'usual', Record<string, unknown>>
      loaded.set(key, {
        detection: loadDetection({ settings: detection, files }),
        usual: UsualItems.load({ settings: usual, files }),
      })
      for (const old of [...loaded.keys()].slice(0, -MOST_LOADED)) loaded.delete(old)
      return null
    }
    case 'score':
      return find(message.asked.key)?.detection.score(message.asked.rows)
    case 'explain':
      return find(message.asked.key)?.usual.explain(message.asked.evidence)
  }
}

function find(key: string): { detection: Detection; usual: UsualItems } | undefined {
  const found = loaded.get(key)
  if (!found) return undefined
  loaded.delete(key)
  loaded.set(key, found)
  return found
}
