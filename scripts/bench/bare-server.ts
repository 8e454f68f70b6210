/**
 * What the HTTP benchmark compares with: node:http around hnswlib-node, and around the encoder pool, with nothing else.
 *
 * Started by http.ts, which sends the vectors' seed; prints its address.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import hnswlib from 'hnswlib-node'
import { Encoders } from '#src/encoders/registry.js'
import { DEFAULT_EF, DEFAULT_EF_CONSTRUCTION, DEFAULT_M } from '#src/indexes/hnsw-index.js'
import { clusteredVectors } from './clustered-vectors.js'

const [count = 0, dim = 0, seed = 1] = process.argv.slice(2).map(Number)
const { vectors } = clusteredVectors({ seed, count, dim, queries: 0 })
const index = new hnswlib.HierarchicalNSW('cosine', dim)
index.initIndex(count, DEFAULT_M, DEFAULT_EF_CONSTRUCTION, 100)
for (let i = 0; i < count; i++) index.addPoint(Array.from(vectors.subarray(i * dim, (i + 1) * dim)), i)
index.setEf(DEFAULT_EF)

const encoders = Encoders.create({ home: '.' })
const encoder = await encoders.load(encoders.defaultName())
const waiting: { text: string; done: () => void }[] = []
let batches = 0

/** At most two batches of up to 16 texts at a time, one for each core of the machine it was written on. */
function encodeNext(): void {
  if (batches >= 2 || waiting.length === 0) return
  const batch = waiting.splice(0, 16)
  batches++
  void encoder
    .encode(
      batch.map(({ text }) => text),
      { as: 'query' },
    )
    .then(() => {
      batches--
      for (const { done } of batch) done()
      encodeNext()
    })
}

const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8')
  request.on('data', (part: string) => {
    body += part
  })
  request.on('end', () => {
    const { query } = JSON.parse(body) as { query: { vector?: number[]; text?: string } }
    const answer = (results: unknown[]) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ results }))
    }
    if (query.text !== undefined) {
      waiting.push({ text: query.text, done: () => answer([{ id: 'none' }]) })
      encodeNext()
    } else {
      const { neighbors, distances } = index.searchKnn(query.vector ?? [], 10)
      answer(neighbors.map((label, i) => ({ id: `item-${label}`, distance: distances[i] })))
    }
  })
})
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
