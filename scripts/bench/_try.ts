import { fitDetection } from '#src/anomaly/fit-detection.js'
import { seededRandom } from '#src/core/random.js'
import { fitPca } from '#src/encoders/images/fit-pca.js'
import { loadComputation } from '#src/encoders/images/load-computation.js'
import { describe, describerOf, Neighbourhood, pick } from './described-pictures.js'
import { pixelsAt, readGreySets } from './idx-pixels.js'
import { rankingQuality } from './ranking.js'
const sets = readGreySets(process.argv[2] as string)
const classes = [1, 4, 7, 8]
const mean = (l: number[]) => l.reduce((a, b) => a + b, 0) / l.length
const run = { onProgress: () => {}, check: () => {}, signal: new AbortController().signal }
const table: Record<string, number[]> = {}
for (const part of [0, 0.1]) for (const label of classes) {
  const own = [...sets.train.labels.keys()].filter((r) => sets.train.labels[r] === label)
  const oth = [...sets.train.labels.keys()].filter((r) => sets.train.labels[r] !== label)
  const random = seededRandom(1000 + label)
  const pickSome = (l: number[], n: number) => Array.from({ length: n }, () => l.splice(random.int(l.length), 1)[0] as number)
  const rows = [...pickSome(own, Math.round(3000 * (1 - part))), ...pickSome(oth, Math.round(3000 * part))]
  const d = await describerOf(sets.train, rows, true)
  const pca = await loadComputation(await fitPca({ count: rows.length, size: sets.train.size, channels: 1, values: pixelsAt(sets.train, rows) }, { kind: 'pca', dim: 8, seed: 1, engine: 'onnx' }, run))
  for (const col of ['ae', 'pca']) {
    const dd = col === 'ae' ? d : { ...d, autoencoder: pca }
    const c = await describe(dd, sets.train, rows)
    const { detection, trimmed } = fitDetection(new Neighbourhood(c).own(), { reference: 'mixed', seed: 1 })
    const test = await describe(dd, sets.test, [...sets.test.labels.keys()].slice(0, 3000))
    const kept = pick(c, [...trimmed.keys()].filter((r) => trimmed[r] === 0))
    const s = detection.score(new Neighbourhood(kept).of(test))
    const auc = (v: Float64Array) => rankingQuality(v, (r) => sets.test.labels[r] !== label).auc
    for (const wr of [1, 0.5, 0.25, 0]) for (const wm of [1.92, 1]) {
      const v = new Float64Array(test.count)
      for (let i = 0; i < v.length; i++) {
        const l = (n: string) => -Math.log((s.detectors as any)[n].pValues[i])
        v[i] = l('neighbours') + wm * l('mahalanobis') + wr * l('reconstruction')
      }
      ;(table[`${part} ${col} recon ${wr} maha ${wm}`] ??= []).push(auc(v))
    }
  }
}
for (const [n, l] of Object.entries(table)) console.log(n, mean(l).toFixed(4))
