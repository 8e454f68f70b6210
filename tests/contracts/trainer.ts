import * as tf from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { createTrainer } from '#src/tensor/create-trainer.js'
import type { Trainer, TrainerOptions, TrainingEngine } from '#src/tensor/trainer.js'
import { TRAINER_CASES, type TrainerCase, trainerImages } from '../support/trainer-models.js'

const COUNT = 64
const BATCH = 16
const STEPS = 20
/** Of losses that two engines give. */
const ALIKE = 1e-3

const rows = Int32Array.from({ length: STEPS * BATCH }, (_, i) => (i * 7) % COUNT)
const all = Int32Array.from({ length: COUNT }, (_, i) => i)

function optionsOf({ build, shape, optimizer, inputs = {} }: TrainerCase): TrainerOptions {
  return {
    build,
    shape,
    batch: BATCH,
    optimizer: optimizer ?? { kind: 'adam' },
    inputs: Object.keys(inputs),
    images: trainerImages(COUNT, shape),
    seed: 5,
  }
}

/** The numbers of `steps` steps. */
function numbersOf({ learningRate = 0.01, inputs = {} }: TrainerCase, steps = STEPS) {
  const numbers = Object.entries({ learningRate, ...inputs })
  return Object.fromEntries(numbers.map(([name, value]) => [name, new Float32Array(steps).fill(value)]))
}

function expectAlike(found: Float32Array | undefined, expected: Float32Array | undefined): void {
  expect(found).toHaveLength(expected?.length ?? -1)
  expected?.forEach((value, i) => {
    expect(Math.abs((found?.[i] ?? 0) / value - 1), `step ${i + 1}`).toBeLessThan(ALIKE)
  })
}

/**
 * What every {@link Trainer} must do. The ONNX engine is what the others are compared with.
 *
 * @param skip why it cannot run here
 */
export function trainerContract(engine: TrainingEngine, { skip }: { skip?: string | undefined } = {}): void {
  const use = async <Result>(
    options: TrainerOptions,
    run: (trainer: Trainer) => Result | Promise<Result>,
  ): Promise<Result> => {
    const trainer = await createTrainer(options)
    try {
      return await run(trainer)
    } finally {
      await trainer.dispose()
    }
  }

  const title = `Trainer contract: ${engine}${skip === undefined ? '' : ` (skipped: ${skip})`}`
  describe.skipIf(skip !== undefined)(title, () => {
    describe.each(TRAINER_CASES)('$name', (model) => {
      const options = { ...optionsOf(model), engine }
      const trained = (changes: Partial<TrainerOptions> = {}) =>
        use({ ...options, ...changes }, (trainer) => trainer.train(rows, numbersOf(model)))

      it('gives the losses of the ONNX engine, and they fall', async () => {
        const [found, expected] = [await trained(), await trained({ engine: 'onnx' })]
        expect(Object.keys(found)).toEqual(Object.keys(expected))
        for (const name of Object.keys(expected)) expectAlike(found[name], expected[name])
        expect(found.loss?.at(-1)).toBeLessThan(found.loss?.[0] ?? 0)
      })

      it('repeats for a seed, and differs for another', async () => {
        const first = await trained()
        expectAlike((await trained()).loss, first.loss)
        expect((await trained({ seed: 6 })).loss?.[0]).not.toBe(first.loss?.[0])
      })

      it('goes on where it was, whatever the steps of a call', async () => {
        const whole = await trained()
        const parts = await use(options, async (trainer) => {
          const losses: number[] = []
          for (let at = 0; at < STEPS; at += 5) {
            const part = await trainer.train(rows.subarray(at * BATCH, (at + 5) * BATCH), numbersOf(model, 5))
            losses.push(...(part.loss ?? []))
          }
          return Float32Array.from(losses)
        })
        expectAlike(parts, whole.loss)
      })

      it('measures without changing anything, gives its weights and takes them back', async () => {
        await use(options, async (trainer) => {
          const first = trainer.weights()
          const before = await trainer.evaluate(all, model.inputs)
          expect(Object.keys(before)).toEqual([...trainer.metrics])
          expect(await trainer.evaluate(all, model.inputs)).toEqual(before)
          expect(trainer.weights()).toEqual(first)
          await trainer.train(rows, numbersOf(model))
          const last = trainer.weights()
          expect(last).not.toEqual(first)
          expect((await trainer.evaluate(all, model.inputs)).loss).toBeLessThan(before.loss ?? 0)
          trainer.setWeights(first)
          expect(trainer.weights()).toEqual(first)
          expect((await trainer.evaluate(all, model.inputs)).loss).toBeCloseTo(before.loss ?? 0, 4)
          expect(trainer.weights()).not.toEqual(last)
        })
      })

      it('measures the mean over images, in batches of any size, as the ONNX engine does', async () => {
        const some = all.subarray(0, BATCH + 5)
        const measure = (trainer: Trainer) => trainer.evaluate(some, model.inputs)
        const [found, expected] = [
          await use(options, measure),
          await use({ ...options, engine: 'onnx' }, measure),
        ]
        for (const name of Object.keys(expected)) {
          expect(Math.abs((found[name] ?? 0) / (expected[name] ?? 0) - 1)).toBeLessThan(ALIKE)
        }
      })
    })

    const [model] = TRAINER_CASES as readonly [TrainerCase]
    const options = { ...optionsOf(model), engine }

    it('carries what a loss assigns while it trains, as the ONNX engine does', async () => {
      const carrying = TRAINER_CASES.find(({ name }) => name === 'moving average') ?? model
      const mean = (of: TrainingEngine) =>
        use({ ...optionsOf(carrying), engine: of }, async (trainer) => {
          await trainer.train(rows, numbersOf(carrying))
          return trainer.weights().mean
        })
      expectAlike((await mean(engine))?.subarray(1), (await mean('onnx'))?.subarray(1))
    })

    it('stops when it is told to, and keeps the steps that were done', async () => {
      const steps = 20_000
      const many = Int32Array.from({ length: steps * BATCH }, (_, i) => i % COUNT)
      await use(options, async (trainer) => {
        const first = trainer.weights()
        const stop = new AbortController()
        const seen: number[] = []
        const stopped = trainer.train(many, numbersOf(model, steps), {
          signal: stop.signal,
          onProgress: (done) => {
            seen.push(done)
            stop.abort()
          },
        })
        await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' })
        expect(seen).toHaveLength(1)
        expect(seen[0]).toBeLessThan(steps)
        expect(trainer.weights()).not.toEqual(first)
        await expect(trainer.evaluate(all, {}, { signal: stop.signal })).rejects.toMatchObject({
          code: 'CANCELLED',
        })
        expect((await trainer.train(rows, numbersOf(model))).loss).toHaveLength(STEPS)
      })
    })

    it('tells how many steps are done, the last time all of them', async () => {
      const seen: number[] = []
      await use(options, (trainer) =>
        trainer.train(rows, numbersOf(model), { onProgress: (done) => seen.push(done) }),
      )
      expect(seen.at(-1)).toBe(STEPS)
      expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    })

    it('gives a loss that is no number as it is', async () => {
      await use(options, async (trainer) => {
        const { loss } = await trainer.train(rows, {
          learningRate: new Float32Array(STEPS).fill(Number.NaN),
        })
        expect(loss?.[0]).toBeGreaterThan(0)
        expect(loss?.at(-1)).toBeNaN()
      })
    })

    it('refuses rows, numbers and weights that are not its own', async () => {
      await use(options, async (trainer) => {
        const refused = { code: 'INVALID_REQUEST' }
        const numbers = numbersOf(model)
        await expect(trainer.train(rows.subarray(1), numbers)).rejects.toMatchObject(refused)
        await expect(trainer.train(new Int32Array(), {})).rejects.toMatchObject(refused)
        await expect(trainer.train(new Int32Array(BATCH).fill(COUNT), numbers)).rejects.toMatchObject(refused)
        await expect(trainer.train(rows, {})).rejects.toMatchObject({
          ...refused,
          message: expect.stringContaining('learningRate'),
        })
        await expect(trainer.evaluate(Int32Array.of(-1))).rejects.toMatchObject(refused)
        expect(() => trainer.setWeights({ other: new Float32Array(1) })).toThrow('"other"')
        expect(() => trainer.setWeights({ 'encoder0/bias': new Float32Array(3) })).toThrow('"encoder0/bias"')
      })
      for (const wrong of [{ batch: 0 }, { images: new Uint8Array(35) }, { shape: [0, 6, 1] as const }]) {
        await expect(createTrainer({ ...options, ...wrong })).rejects.toMatchObject({
          code: 'INVALID_REQUEST',
        })
      }
    })

    it('refuses a loss of more than one number and one noise asked for in two ways', async () => {
      const odd = (loss: (flat: tf.Tensor4D, noise: (shape: number[]) => tf.Tensor) => tf.Tensor) =>
        createTrainer({
          ...options,
          build: (tfjs, random) => {
            const { weights, ...whole } = model.build(tfjs, random)
            return {
              weights,
              loss: (images, context) => {
                const drawn = (shape: number[]) => context.noise('eps', shape, 'normal')
                const found = whole.loss(images, context).loss
                return { loss: found, odd: loss(images, drawn) as tf.Scalar }
              },
            }
          },
        })
      await expect(odd((images) => images)).rejects.toMatchObject({
        code: 'INVALID_REQUEST',
        message: expect.stringContaining('"odd"'),
      })
      await expect(
        odd((_, noise) => [noise([BATCH, 2]), noise([BATCH, 3])][1] as tf.Tensor),
      ).rejects.toMatchObject({
        code: 'INVALID_REQUEST',
        message: expect.stringContaining('"eps"'),
      })
    })

    it('refuses everything after it is disposed of, which may be done twice, and frees its tensors', async () => {
      const before = tf.engine().state.numTensors
      for (let round = 0; round < 3; round++) {
        const trainer = await createTrainer(options)
        await trainer.train(rows, numbersOf(model))
        await trainer.evaluate(all)
        trainer.setWeights(trainer.weights())
        await trainer.dispose()
        await trainer.dispose()
        const closed = { code: 'CLOSED' }
        await expect(trainer.train(rows, numbersOf(model))).rejects.toMatchObject(closed)
        await expect(trainer.evaluate(all)).rejects.toMatchObject(closed)
        expect(() => trainer.weights()).toThrow(expect.objectContaining(closed))
        expect(() => trainer.setWeights({})).toThrow(expect.objectContaining(closed))
      }
      expect(tf.engine().state.numTensors).toBe(before)
    })

    it('trains two models of the same names side by side', async () => {
      const [a, b] = [await createTrainer(options), await createTrainer(options)]
      try {
        const [first, second] = await Promise.all([
          a.train(rows, numbersOf(model)),
          b.train(rows, numbersOf(model)),
        ])
        expectAlike(first.loss, second.loss)
      } finally {
        await a.dispose()
        await b.dispose()
      }
    })
  })
}
