import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fitPca } from '#src/encoders/images/fit-pca.js'
import type { FitRun, PixelMatrix } from '#src/encoders/images/fit-types.js'
import { type Computation, loadComputation } from '#src/encoders/images/load-computation.js'
import { trainImages } from '#src/encoders/images/models/train-images.js'

/** What each encoder's answer is as a detector. */
export const COLUMN_OF = { autoencoder: 'reconstruction', pca: 'reconstruction', vae: 'nelbo' } as const

/** An encoder that is trained on a collection's pictures. */
export interface TrainedEncoder {
  kind: keyof typeof COLUMN_OF
  dim: number
}

/** Says how well an encoder that was trained on some pictures knows others. */
export interface Reconstructions {
  column: 'reconstruction' | 'nelbo'
  /** @param pixels shape [count, size, size] @returns scores, larger is stranger */
  of(pixels: Uint8Array, count: number): Promise<Float64Array>
}

/**
 * Trains an encoder when it is first asked, and not where its answers are in `folder` already: training takes nearly all of the
 * time of a run, and does not depend on how outliers are told.
 *
 * @param folder where answers are kept, by what was trained on and what was asked; undefined keeps none
 */
export function reconstructionsOf(
  images: PixelMatrix,
  encoder: TrainedEncoder,
  folder: string | undefined,
): Reconstructions {
  const column = COLUMN_OF[encoder.kind]
  const trainedOn = digest(JSON.stringify(encoder), images.values)
  let computation: Promise<Computation> | undefined
  const ask = async (pixels: Uint8Array, count: number): Promise<Float64Array> => {
    computation ??= train(images, encoder)
    const known = await (await computation).encode(pixels, count)
    const told = column === 'nelbo' ? 'nelbo' : 'score'
    return Float64Array.from(known, ({ reconstruction }) => reconstruction?.[told] ?? Number.NaN)
  }
  return {
    column,
    async of(pixels, count) {
      if (folder === undefined) return ask(pixels, count)
      mkdirSync(folder, { recursive: true })
      const path = join(folder, `${trainedOn}-${digest('', pixels)}.f64`)
      if (existsSync(path)) return new Float64Array(Uint8Array.from(readFileSync(path)).buffer)
      const scores = await ask(pixels, count)
      writeFileSync(path, new Uint8Array(scores.buffer))
      return scores
    },
  }
}

async function train(images: PixelMatrix, { kind, dim }: TrainedEncoder): Promise<Computation> {
  const run: FitRun = { onProgress: () => {}, check: () => {}, signal: new AbortController().signal }
  const learn = kind === 'pca' ? fitPca : trainImages
  return loadComputation(await learn(images, { kind, dim, seed: 1, engine: 'onnx' }, run))
}

function digest(what: string, bytes: Uint8Array): string {
  return createHash('sha256').update(what).update(bytes).digest('hex').slice(0, 24)
}
