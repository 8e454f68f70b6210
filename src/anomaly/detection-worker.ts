import { parentPort } from 'node:worker_threads'
import type { Detection } from '../core/detection.js'
import { toPlainError } from '../core/errors.js'
import type { DetectionCallName, DetectionCalls, FromDetection, ToDetection } from './detection-messages.js'
import { fitDetection } from './fit-detection.js'
import { loadDetection } from './load-detection.js'

if (parentPort === null) throw new Error('detection-worker runs as a worker thread')
const port = parentPort
/** Detections kept loaded; the one that was used least recently goes. */
const MOST_LOADED = 8

const loaded = new Map<string, Detection>()

port.on('message', (message: ToDetection) => {
  if (message.call === 'close') {
    port.close()
    return
  }
  let reply: FromDetection
  try {
    reply = { id: message.id, answer: answer(message) }
  } catch (error) {
    reply = { id: message.id, error: toPlainError(error) }
  }
  port.postMessage(reply)
})

function answer(
  message: Exclude<ToDetection, { call: 'close' }>,
): DetectionCalls[DetectionCallName]['answer'] {
  switch (message.call) {
    case 'fit': {
      const { detection, scores, trimmed } = fitDetection(message.asked.rows, message.asked.options)
      const { report } = detection
      return { settings: detection.settings(), files: detection.files(), report, scores, trimmed }
    }
    case 'load': {
      const { key, settings, files } = message.asked
      loaded.set(key, loadDetection({ settings, files }))
      for (const old of [...loaded.keys()].slice(0, -MOST_LOADED)) loaded.delete(old)
      return null
    }
    case 'score': {
      const { key, rows } = message.asked
      const detection = loaded.get(key)
      if (!detection) return undefined
      loaded.delete(key)
      loaded.set(key, detection)
      return detection.score(rows)
    }
  }
}
