import { setImmediate as turn } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { CLOSE, type Reply } from '../core/call-thread.js'
import { EngineError, toPlainError } from '../core/errors.js'
import { OnnxModel } from './onnx-model.js'
import { splitPassages } from './split-passages.js'
import { TextTokenizer } from './text-tokenizer.js'
import { tokenBatches } from './token-batches.js'
import type { EncodeResult, EncodeTask, ToWorker, WorkerInput } from './worker-messages.js'

/**
 * Measured with one thread: on sentences, 128 to 512 tokens a batch are equally fast and 1,024 a tenth slower; on
 * texts of 256 tokens, one a batch encodes 10,900 tokens a second, two 8,900, eight 6,600 (their activations leave
 * the cache). Small batches also let queries in sooner.
 */
const LIMITS = { texts: 32, tokens: 256 }

/** After so much splitting, in milliseconds, whatever else waits has its turn. */
const SPLIT_SLICE = 10

interface Waiting {
  id: number
  task: EncodeTask
}

interface Loaded {
  network: OnnxModel
  tokenizer: TextTokenizer
  dim: number
}

if (parentPort === null) throw new Error('transformer-worker runs as a worker thread')
const port = parentPort
const post = (message: Reply<EncodeResult | number>, transfer: ArrayBuffer[] = []): void =>
  port.postMessage(message, transfer)

const { model } = workerData as WorkerInput
const limits = model.batchInvariant ? LIMITS : { texts: 1, tokens: LIMITS.tokens }
const urgent: Waiting[] = []
const bulk: { waiting: Waiting; steps: AsyncGenerator<void, void, undefined> }[] = []
/** Tasks that are here, and whether they were cancelled. */
const tasks = new Map<number, boolean>()
let running = false

const loading = load()
// whoever asks is told
loading.catch(() => undefined)

port.on('message', (message: ToWorker) => {
  if (message === CLOSE) void close()
  else if ('cancel' in message) {
    if (tasks.has(message.cancel)) tasks.set(message.cancel, true)
  } else void ('load' in message ? tell(message.id) : take(message))
})

async function load(): Promise<Loaded> {
  const network = await OnnxModel.load(model)
  const tokenizer = TextTokenizer.load(model)
  const { dim } = await network.run([tokenizer.tokenize('ready', 'query').ids])
  return { network, tokenizer, dim }
}

/** Says that the model is loaded; ends where it cannot be. */
async function tell(id: number): Promise<void> {
  try {
    post({ id, answer: (await loading).dim })
  } catch (error) {
    post({ id, error: toPlainError(error) })
    port.close()
  }
}

async function take(waiting: Waiting): Promise<void> {
  const { network, tokenizer } = await loading
  tasks.set(waiting.id, false)
  if (waiting.task.urgent) urgent.push(waiting)
  else bulk.push({ waiting, steps: encode(waiting, network, tokenizer) })
  if (!running) void work(network, tokenizer)
}

async function close(): Promise<void> {
  port.close()
  await loading.then(
    ({ network }) => network.release(),
    () => undefined,
  )
}

/** Works until nothing waits; between two batches it looks whether something urgent came. */
async function work(network: OnnxModel, tokenizer: TextTokenizer): Promise<void> {
  running = true
  for (;;) {
    const first = urgent.shift()
    if (first) {
      for await (const _ of encode(first, network, tokenizer));
      continue
    }
    const current = bulk[0]
    if (current === undefined) break
    const { done } = await current.steps.next()
    if (done) bulk.shift()
    // messages are delivered only when the event loop turns
    await turn()
  }
  running = false
}

function refuseCancelled(id: number): void {
  if (tasks.get(id)) throw new EngineError('CANCELLED', 'encoding was cancelled')
}

/** Encodes the texts of a task and posts the result; gives way after each batch. Never throws. */
async function* encode(
  { id, task }: Waiting,
  network: OnnxModel,
  tokenizer: TextTokenizer,
): AsyncGenerator<void, void, undefined> {
  try {
    const tokens = new Uint32Array(task.texts.length)
    const ids: number[][] = []
    const indexes: number[] = []
    const splits: EncodeResult['splits'] = []
    for (const [index, text] of task.texts.entries()) {
      const read = tokenizer.tokenize(text, task.role)
      tokens[index] = read.ids.length
      if (task.split && read.cut) {
        const borders: number[] = []
        let since = performance.now()
        for (const { start, end } of splitPassages(text, {
          count: (part) => tokenizer.count(part),
          budget: tokenizer.budget(task.role),
        })) {
          borders.push(start, end)
          if (performance.now() - since < SPLIT_SLICE) continue
          yield
          refuseCancelled(id)
          since = performance.now()
        }
        splits.push({ index, borders: Uint32Array.from(borders) })
      } else {
        indexes.push(index)
        ids.push(read.ids)
      }
    }
    let vectors = new Float32Array(0)
    const lengths = ids.map((text) => text.length)
    for (const batch of tokenBatches(lengths, limits)) {
      refuseCancelled(id)
      const output = await network.run(batch.map((i) => ids[i] ?? []))
      if (vectors.length === 0) vectors = new Float32Array(task.texts.length * output.dim)
      batch.forEach((i, row) => {
        const vector = output.vectors.subarray(row * output.dim, (row + 1) * output.dim)
        vectors.set(vector, (indexes[i] ?? 0) * output.dim)
      })
      yield
    }
    post({ id, answer: { vectors, tokens, splits } }, [vectors.buffer, tokens.buffer])
  } catch (error) {
    post({ id, error: toPlainError(error) })
  } finally {
    tasks.delete(id)
  }
}
