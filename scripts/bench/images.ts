/**
 * Quality of the image encoders against their bounds and against peers, on pictures that took no part in the fit.
 *
 *   npx tsx scripts/bench/images.ts --mnist DIR --fashion DIR --photos DIR [--only PART,…] [--seed 1] [--development]
 *
 * Parts: mnist, fashion, vae, neighbours, photos, strangers. `mnist` and `fashion` are folders of IDX files, gzipped, by
 * their usual names (of MNIST's test images the first 3,000 are enough: t10k-first3000-images-idx3-ubyte.gz); `photos` is
 * a folder with a folder for each class. Only parts whose data are given run.
 *
 * With --development the last of the training images stand for the test images: what one looks at while choosing
 * architectures and learning rates. Needs `npm run build`. Exits 1 where a bound is missed.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { EncodedImage, ImageEncoderKind, ImageEncoderModel } from '#src/core/image-encoder.js'
import { type FitOptions, fitImageEncoder } from '#src/encoders/images/fit-image-encoder.js'
import { loadImageEncoder } from '#src/encoders/images/load-image-encoder.js'
import { decodePixels } from '#src/images/decode-pixels.js'
import { type Figure, machineFacts, printFigures } from './machine.js'
import { type Agreement, agreement, centred, type LabelledVectors, rocAuc } from './neighbours.js'
import { type PictureSet, range, readIdxSet, readPhotos, sourceOf, subset } from './picture-sets.js'

const { values } = parseArgs({
  options: {
    mnist: { type: 'string' },
    fashion: { type: 'string' },
    photos: { type: 'string' },
    only: { type: 'string', default: 'mnist,fashion,vae,neighbours,photos,strangers' },
    seed: { type: 'string', default: '1' },
    development: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed)
const { development } = values

const DIGITS = 10
/** Dimension of the autoencoders that find strangers: little more than a digit's own variation fits through it. */
const STRANGERS_DIM = 8

interface Sets {
  train: PictureSet
  test: PictureSet
}

async function readSets(folder: string): Promise<Sets> {
  const train = await readIdxSet(
    join(folder, 'train-images-idx3-ubyte.gz'),
    join(folder, 'train-labels-idx1-ubyte.gz'),
  )
  const rows = train.files.length
  if (development)
    return { train: subset(train, range(0, rows - 6_000)), test: subset(train, range(rows - 6_000, rows)) }
  const first = join(folder, 't10k-first3000-images-idx3-ubyte.gz')
  const images = existsSync(first) ? first : join(folder, 't10k-images-idx3-ubyte.gz')
  return { train, test: await readIdxSet(images, join(folder, 't10k-labels-idx1-ubyte.gz')) }
}

/** Fits an encoder and tells how long it took. */
async function fitted(
  kind: ImageEncoderKind,
  set: PictureSet,
  options: Omit<FitOptions, 'kind'> = {},
): Promise<{ model: ImageEncoderModel; encode: (set: PictureSet) => Promise<EncodedImage[]> }> {
  const started = performance.now()
  const model = await fitImageEncoder(sourceOf(set), { kind, seed, ...options })
  const seconds = (performance.now() - started) / 1000
  const { epochs, bestEpoch, imagesPerSecond } = model.report
  const told =
    epochs === undefined ? '' : `, epochs ${epochs}, best ${bestEpoch}, ${imagesPerSecond} images/s`
  console.log(`  ${kind} dim ${model.dim} of ${set.files.length} images: ${seconds.toFixed(0)} s${told}`)
  return {
    model,
    encode: async ({ files }) => {
      const encoder = await loadImageEncoder(model)
      try {
        const encoded: EncodedImage[] = []
        for (let from = 0; from < files.length; from += 10_000) {
          encoded.push(...(await encoder.encode(files.slice(from, from + 10_000))))
        }
        return encoded
      } finally {
        await encoder.dispose()
      }
    },
  }
}

function meanError(encoded: readonly EncodedImage[]): number {
  return (
    encoded.reduce((sum, { reconstruction }) => sum + (reconstruction?.error ?? Number.NaN), 0) /
    encoded.length
  )
}

async function reconstruction(name: string, { train, test }: Sets, most: number): Promise<Figure[]> {
  const pca = meanError(await (await fitted('pca', train, { dim: 32 })).encode(test))
  const error = meanError(await (await fitted('autoencoder', train, { dim: 32 })).encode(test))
  console.log(
    `  mean squared error of ${test.files.length}: PCA-32 ${pca.toFixed(5)}, autoencoder ${error.toFixed(5)}`,
  )
  return [atMost(`${name}: error of autoencoder-32 against PCA-32`, error / pca, most, 'x')]
}

async function variational(name: string, { train, test }: Sets): Promise<Figure[]> {
  const pca = meanError(await (await fitted('pca', train, { dim: 8 })).encode(test))
  const vae = await fitted('vae', train, { dim: 32, beta: 1 })
  const error = meanError(await vae.encode(test))
  const kl = (vae.model.report.kl as number[]).toSorted((a, b) => b - a)
  console.log(
    `  mean squared error of ${test.files.length}: PCA-8 ${pca.toFixed(5)}, vae ${error.toFixed(5)}`,
  )
  console.log(`  KL of its dimensions, nats: ${kl.map((nats) => nats.toFixed(2)).join(' ')}`)
  return [
    atLeast(`${name}: dimensions in use of vae-32, beta 1`, Number(vae.model.report.dimensionsInUse), 8),
    atMost(`${name}: error of vae-32 against PCA-8`, error / pca, 1, 'x'),
  ]
}

async function neighbours({ train, test }: Sets): Promise<Figure[]> {
  const known = subset(train, range(0, 10_000))
  const asked = subset(test, range(0, 2_000))
  const show = (what: string, { accuracy, precision }: Agreement): void =>
    console.log(`  ${what.padEnd(20)} accuracy ${accuracy.toFixed(4)}  precision@10 ${precision.toFixed(4)}`)
  const raw = rawVectors(known)
  show('raw pixels', agreement(raw, rawVectors(asked)))
  show('raw pixels, centred', agreement(centred(raw, raw), centred(rawVectors(asked), raw)))
  const found = new Map<string, Agreement>()
  const kinds = [
    ['pca', 64],
    ['descriptor', undefined],
    ['autoencoder', 32],
    ['autoencoder', 64],
    ['vae', 32],
  ] as const
  for (const [kind, dim] of kinds) {
    const { model, encode } = await fitted(kind, known, dim === undefined ? {} : { dim })
    const name = `${kind} ${model.dim}`
    const vectorsOf = async (set: PictureSet): Promise<LabelledVectors> => ({
      vectors: (await encode(set)).map(({ vector }) => vector),
      labels: set.labels,
    })
    const agreed = agreement(await vectorsOf(known), await vectorsOf(asked))
    show(name, agreed)
    found.set(name, agreed)
  }
  const trained = [...found].filter(([name]) => name.startsWith('autoencoder') || name.startsWith('vae'))
  const [best, figures] = trained.reduce((a, b) => (b[1].accuracy > a[1].accuracy ? b : a))
  const descriptor = [...found].find(([name]) => name.startsWith('descriptor'))?.[1]
  return [
    atLeast('fashion: 5-NN label accuracy, descriptor', descriptor?.accuracy ?? 0, 0.87),
    atLeast('fashion: precision@10, descriptor', descriptor?.precision ?? 0, 0.82),
    atLeast(`fashion: 5-NN label accuracy, ${best}`, figures.accuracy, 0.84),
    atLeast(`fashion: precision@10, ${best}`, figures.precision, 0.775),
  ]
}

function rawVectors({ files, labels, pixels }: PictureSet): LabelledVectors {
  const width = pixels.length / files.length
  const vectors = files.map((_, i) => Float32Array.from(pixels.subarray(i * width, (i + 1) * width)))
  return { labels, vectors }
}

async function photos(folder: string): Promise<Figure[]> {
  const set = await readPhotos(folder)
  const raw = await rawPhotos(set)
  for (const [what, vectors] of [
    ['raw pixels of 32 x 32 in colour', raw],
    ['the same, centred', centred(raw, raw)],
  ] as const) {
    console.log(`  ${what}: precision@10 ${agreement(vectors).precision.toFixed(4)}`)
  }
  const encoded = await (await fitted('descriptor', set)).encode(set)
  const { precision } = agreement({ vectors: encoded.map(({ vector }) => vector), labels: set.labels })
  return [atLeast(`${set.files.length} photos: precision@10, descriptor`, precision, 0.49)]
}

async function rawPhotos({ files, labels }: PictureSet): Promise<LabelledVectors> {
  const shape = { width: 32, height: 32, channels: 3 } as const
  const vectors = await Promise.all(
    files.map(async (file) => Float32Array.from((await decodePixels(file, shape)).values)),
  )
  return { vectors, labels }
}

async function strangers({ train, test }: Sets): Promise<Figure[]> {
  const areas: number[] = []
  for (const digit of range(0, DIGITS).map(String)) {
    const own = subset(
      train,
      range(0, train.files.length).filter((row) => train.labels[row] === digit),
    )
    const encoded = await (await fitted('autoencoder', own, { dim: STRANGERS_DIM })).encode(test)
    const scores = encoded.map(({ reconstruction }) => reconstruction?.score ?? 0)
    const area = rocAuc(
      scores,
      test.labels.map((label) => label !== digit),
    )
    console.log(`  digit ${digit}: ROC AUC ${area.toFixed(4)}`)
    areas.push(area)
  }
  const mean = areas.reduce((sum, area) => sum + area, 0) / areas.length
  return [atLeast(`mnist: one digit against all, mean ROC AUC, autoencoder-${STRANGERS_DIM}`, mean, 0.97)]
}

function atLeast(what: string, value: number, bound: number): Figure {
  return { what, value: String(Number(value.toFixed(4))), bound: `at least ${bound}`, holds: value >= bound }
}

function atMost(what: string, value: number, bound: number, unit: string): Figure {
  return {
    what,
    value: `${value.toFixed(3)} ${unit}`,
    bound: `at most ${bound} ${unit}`,
    holds: value <= bound,
  }
}

/** What each part needs and does. */
const PARTS: Record<
  string,
  { data: 'mnist' | 'fashion' | 'photos'; run: (folder: string) => Promise<Figure[]> }
> = {
  mnist: { data: 'mnist', run: async (folder) => reconstruction('mnist', await readSets(folder), 0.45) },
  fashion: {
    data: 'fashion',
    run: async (folder) => reconstruction('fashion', await readSets(folder), 0.75),
  },
  vae: { data: 'mnist', run: async (folder) => variational('mnist', await readSets(folder)) },
  neighbours: { data: 'fashion', run: async (folder) => neighbours(await readSets(folder)) },
  photos: { data: 'photos', run: photos },
  strangers: { data: 'mnist', run: async (folder) => strangers(await readSets(folder)) },
}

const names = values.only.split(',')
const unknown = names.filter((name) => !(name in PARTS))
if (unknown.length > 0 || !(values.mnist ?? values.fashion ?? values.photos)) {
  console.error(
    'usage: npx tsx scripts/bench/images.ts --mnist DIR --fashion DIR --photos DIR [--only PART,…] [--seed 1] [--development]',
  )
  process.exitCode = 2
} else {
  console.log(machineFacts(['onnxruntime-node', '@tensorflow/tfjs-core', 'sharp']))
  console.log(`seed: ${seed}${development ? '; development: judged on the last 6,000 training images' : ''}`)
  for (const name of names) {
    const part = PARTS[name]
    const folder = part && values[part.data]
    if (!part || folder === undefined) continue
    console.log(`\n${name}`)
    if (!printFigures(await part.run(folder))) process.exitCode = 1
  }
}
