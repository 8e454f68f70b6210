import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { FitResult } from '#src/engine/fit-job.js'
import { drawnImages } from '../support/drawn-images.js'
import { tfjsNodeAbsent } from '../support/tfjs-node.js'
import { kindred, kindredJson, startServer, TemporaryFolders } from './kindred-process.js'

const VARIABLE = 'KINDRED_TFJS_NODE'
const TRAIN = ['train', 'shapes', '--encoder', 'autoencoder', '--dim', '4', '--epochs', '2']
const absent = tfjsNodeAbsent()
const folders = new TemporaryFolders()
let home: string
let pictures: string

beforeAll(async () => {
  home = await folders.make()
  pictures = await folders.make()
  for (const { id, png } of await drawnImages(60)) await writeFile(join(pictures, `${id}.png`), png)
  expect(await kindred(['add', 'shapes', pictures], { home })).toMatchObject({ code: 0 })
})
afterEach(() => vi.unstubAllEnvs())
afterAll(() => folders.remove())

/** Runs it in the command's own process, and through a live server, which both see the same environment. */
async function everywhere(run: () => Promise<void>): Promise<void> {
  await run()
  const server = await startServer(home)
  try {
    await run()
  } finally {
    server.child.kill('SIGTERM')
    await server.ended
  }
}

describe('kindred train --engine', () => {
  it('says how to install tfjs-node where it is not, and leaves the collection as it was', async () => {
    vi.stubEnv(VARIABLE, await folders.make())
    await everywhere(async () => {
      const { code, stderr } = await kindred([...TRAIN, '--engine', 'tfjs-node'], { home })
      expect(code).toBe(1)
      expect(stderr).toContain('npm install @tensorflow/tfjs-node')
      const search = ['search', 'shapes', '--like', 'disc 0.png', '--space', 'autoencoder']
      expect((await kindred(search, { home })).stderr).toContain('"autoencoder"')
    })
  })

  it('refuses an engine that does not exist', async () => {
    const { code, stderr } = await kindred([...TRAIN, '--engine', 'torch'], { home })
    expect(code).toBe(2)
    expect(stderr).toContain('onnx, tfjs-node')
  })

  it.skipIf(absent !== undefined)(
    `trains with tfjs-node as with the default${absent === undefined ? '' : ` (skipped: ${absent})`}`,
    async () => {
      await everywhere(async () => {
        const losses = async (engine: string): Promise<number[]> => {
          const { report } = await kindredJson<FitResult>([...TRAIN, '--engine', engine], { home })
          return report.losses as number[]
        }
        const [onnx, tfjsNode] = [await losses('onnx'), await losses('tfjs-node')]
        expect(tfjsNode).toHaveLength(2)
        tfjsNode.forEach((loss, i) => {
          expect(Math.abs(loss / (onnx[i] ?? 0) - 1)).toBeLessThan(1e-3)
        })
      })
      expect(
        (await kindred(['search', 'shapes', '--like', 'disc 0.png', '--space', 'autoencoder'], { home }))
          .code,
      ).toBe(0)
    },
  )
})
