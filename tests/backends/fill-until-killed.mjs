// Adds pictures, brings encoder `toy-1` in, and stages `toy-2`, saying at each step where it is, so that it can be
// killed there. Usage: node fill-until-killed.mjs HOME COUNT
import { EmbeddedBackend } from '#src/backends/embedded/embedded-backend.js'

const [home, count] = process.argv.slice(2)
const jobs = {
  start: (_options, work) => ({
    id: '1',
    finished: work({ signal: new AbortController().signal, progress: () => undefined }),
  }),
}
const say = (step) => process.stdout.write(`${step}\n`)

/** Each item's vector points to where its number says. */
function encode(encoder, i, dim) {
  const vector = Float32Array.from({ length: dim }, (_, axis) => Math.sin((i + 1) * (axis + 1)))
  const anomaly = { detector: 'reconstruction', score: i, error: null, percentile: 50, flagged: i > 90 }
  return { encoder, passages: [{ vector, start: 0, end: 0 }], anomalies: [anomaly] }
}

const backend = await EmbeddedBackend.open({ home, jobs })
await backend.createCollection({ name: 'photos', spaces: [] })
const bytes = Uint8Array.of(1)
const image = {
  ...{ width: 1, height: 1, hash: 'x', original: null, path: null },
  rendition: { bytes, type: 'image/webp' },
}
const items = Array.from({ length: Number(count) }, (_, i) => {
  return { id: `i${i}`, text: null, metadata: { i }, image, fingerprint: 'x', textHash: null, vectors: {} }
})
await backend.upsert('photos', items)

async function bringIn(encoder, dim) {
  const version = await backend.stageEncoder('photos', 'look', {
    ...{ encoder, encoderName: 'toy', dim, metrics: ['euclidean'], unit: false },
    ...{ settings: {}, report: {}, files: { 'encoder.bin': new Uint8Array(1_000) } },
  })
  say(`staged ${version}`)
  let cursor
  do {
    const page = await backend.images('photos', { limit: 100, cursor, lacking: { space: 'look', version } })
    const rows = page.images.map(({ id, revision }) => {
      return { id, revision, encoded: encode(encoder, Number(id.slice(1)), dim) }
    })
    await backend.fill('photos', 'look', version, rows)
    say(`filled ${version}`)
    cursor = page.cursor
  } while (cursor !== undefined)
  say(`promoting ${version}`)
  await backend.promoteEncoder('photos', 'look', version)
  say(`promoted ${version}`)
}

await bringIn('toy-1', 4)
await backend.nearest('photos', {
  ...{ space: 'look', encoder: 'toy-1', metric: 'euclidean', k: 1 },
  vectors: [encode('toy-1', 1, 4).passages[0].vector],
})
await bringIn('toy-2', 6)
await bringIn('toy-3', 5)
setInterval(() => undefined, 1_000)
