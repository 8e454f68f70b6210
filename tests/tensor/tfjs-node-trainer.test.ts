import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createTrainer } from '#src/tensor/create-trainer.js'
import { trainerContract } from '../contracts/trainer.js'
import { tfjsNodeAbsent } from '../support/tfjs-node.js'
import { TRAINER_CASES, type TrainerCase, trainerImages } from '../support/trainer-models.js'

const skip = tfjsNodeAbsent()
trainerContract('tfjs-node', { skip })

const [{ build, shape }] = TRAINER_CASES as readonly [TrainerCase]
const options = {
  engine: 'tfjs-node' as const,
  build,
  shape,
  batch: 4,
  optimizer: { kind: 'adam' as const },
  images: trainerImages(8, shape),
  seed: 1,
}

describe('tfjs-node where it cannot be loaded', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kindred-tfjs-node-'))
  })
  afterEach(() => vi.unstubAllEnvs())
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('says where it was looked for and how to install it', async () => {
    vi.stubEnv('KINDRED_TFJS_NODE', folder)
    await expect(createTrainer(options)).rejects.toMatchObject({
      code: 'NATIVE_ADDON_MISSING',
      message: expect.stringMatching(
        /not in .*kindred-tfjs-node-.* \(KINDRED_TFJS_NODE\).*npm install @tensorflow\/tfjs-node.*Node 22/,
      ),
    })
  })

  it('says why, where its addon was not built', async () => {
    const home = join(folder, 'node_modules/@tensorflow/tfjs-node')
    await mkdir(home, { recursive: true })
    await writeFile(join(home, 'package.json'), '{"name":"@tensorflow/tfjs-node","main":"index.js"}')
    await writeFile(join(home, 'index.js'), "throw new Error('no such addon\\nand a stack')")
    vi.stubEnv('KINDRED_TFJS_NODE', folder)
    await expect(createTrainer(options)).rejects.toMatchObject({
      code: 'NATIVE_ADDON_MISSING',
      message: expect.stringMatching(/\(no such addon\).*\. Run: npm install @tensorflow\/tfjs-node/),
    })
  })
})

describe.skipIf(skip !== undefined)(`tfjs-node${skip === undefined ? '' : ` (skipped: ${skip})`}`, () => {
  it('names an operation that it lacks', async () => {
    const odd: typeof build = (tfjs, random) => {
      const model = build(tfjs, random)
      return {
        weights: model.weights,
        loss: (images, context) => {
          tfjs.engine().runKernel('NoSuchKernel', { images })
          return model.loss(images, context)
        },
      }
    }
    await expect(createTrainer({ ...options, build: odd })).rejects.toMatchObject({
      code: 'KERNEL_MISSING',
      message: expect.stringContaining('NoSuchKernel'),
    })
  })
})
