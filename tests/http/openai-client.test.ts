import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dot } from '#src/core/vectors.js'
import type { Kindred } from '#src/engine/kindred.js'
import { type RunningServer, startServer } from '#src/http/server.js'
import { openKindred } from './open-app.js'

const MODEL = 'all-MiniLM-L6-v2'
let kindred: Kindred
let server: RunningServer
let client: OpenAI
let close: () => Promise<void>

beforeAll(async () => {
  ;({ kindred, close } = await openKindred())
  server = await startServer({ kindred, port: 0, token: 'sesame' })
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'sesame', maxRetries: 0 })
})
afterAll(async () => {
  await server.close()
  await close()
})

const input = ['a cat sits on the mat', 'a kitten rests on a rug', 'interest rates rose again']

describe('the official client', () => {
  test.each([undefined, 'float', 'base64'] as const)(
    'gets the same vectors with format %s',
    async (format) => {
      const expected = await kindred.embed(input, { encoder: MODEL })
      const answer = await client.embeddings.create({
        model: MODEL,
        input,
        ...(format && { encoding_format: format }),
      })
      expect(answer).toMatchObject({ object: 'list', model: MODEL })
      expect(answer.usage).toEqual({ prompt_tokens: expected.tokens, total_tokens: expected.tokens })
      expect(answer.data.map(({ object, index }) => [object, index])).toEqual(
        [0, 1, 2].map((i) => ['embedding', i]),
      )
      for (const [i, { embedding }] of answer.data.entries()) {
        const vector = format === 'base64' ? decode(embedding) : Float32Array.from(embedding)
        expect(vector).toEqual(expected.vectors[i])
      }
    },
  )

  test('finds what means the same', async () => {
    const { data } = await client.embeddings.create({ model: MODEL, input })
    const [cat, kitten, money] = data.map(({ embedding }) => Float32Array.from(embedding))
    if (!cat || !kitten || !money) throw new Error('three vectors were asked')
    expect(dot(cat, kitten)).toBeGreaterThan(dot(cat, money) + 0.2)
  })

  test('takes one string, its own dimensions, and a user', async () => {
    const { data } = await client.embeddings.create({
      model: MODEL,
      input: 'hello',
      dimensions: 384,
      user: 'me',
    })
    expect(data[0]?.embedding).toHaveLength(384)
  })

  test('gets a long answer whole', async () => {
    const texts = Array.from({ length: 300 }, (_, i) => `number ${i}`)
    const { data } = await client.embeddings.create({ model: MODEL, input: texts, encoding_format: 'float' })
    expect(data.map(({ index }) => index)).toEqual(texts.map((_, i) => i))
    expect(data.every(({ embedding }) => embedding.length === 384)).toBe(true)
  })

  test('lists the encoders as models', async () => {
    const models = await client.models.list()
    expect(models.data.map(({ id }) => id)).toContain(MODEL)
  })

  const refusals: [string, Partial<OpenAI.EmbeddingCreateParams>, number, string][] = [
    ['tokens', { input: [1, 2, 3] }, 400, 'INVALID_REQUEST'],
    ['lists of tokens', { input: [[1, 2, 3]] }, 400, 'INVALID_REQUEST'],
    ['no text', { input: [] }, 400, 'INVALID_REQUEST'],
    ['an empty text', { input: [''] }, 400, 'INVALID_TEXT'],
    ['too many texts', { input: Array.from({ length: 2049 }, () => 'a') }, 413, 'BATCH_TOO_LARGE'],
    ['other dimensions', { dimensions: 256 }, 400, 'INVALID_REQUEST'],
    ['an unknown model', { model: 'text-embedding-3-small' }, 404, 'ENCODER_NOT_FOUND'],
  ]
  test.each(refusals)('reads the refusal of %s', async (_, params, status, code) => {
    const request = client.embeddings.create({ model: MODEL, input: 'hello', ...params })
    await expect(request).rejects.toMatchObject({ status, code })
    await expect(client.embeddings.create({ model: MODEL, input: 'hello', ...params })).rejects.toThrow(
      OpenAI.APIError,
    )
  })

  test('is refused without the token', async () => {
    const stranger = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'x', maxRetries: 0 })
    await expect(stranger.models.list()).rejects.toThrow(OpenAI.AuthenticationError)
  })
})

test('encoders are listed and chosen', async () => {
  const headers = { authorization: 'Bearer sesame', 'content-type': 'application/json' }
  const list = await (await fetch(`${server.url}/v1/encoders`, { headers })).json()
  expect(Object(list).encoders).toContainEqual(
    expect.objectContaining({ name: MODEL, dim: 384, isDefault: true }),
  )
  const use = (name: string) =>
    fetch(`${server.url}/v1/encoders/use`, { method: 'POST', headers, body: JSON.stringify({ name }) })
  expect((await use(MODEL)).status).toBe(200)
  expect((await use('nobody')).status).toBe(404)
})

test('a text search finds by meaning', async () => {
  const headers = { authorization: 'Bearer sesame', 'content-type': 'application/json' }
  const post = async (path: string, body: unknown) =>
    (await fetch(`${server.url}/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json()
  await post('/collections', { name: 'notes' })
  await post('/collections/notes/items', { items: input.map((text, i) => ({ id: `${i}`, text })) })
  const answer = await post('/collections/notes/search', {
    query: { text: 'the central bank' },
    k: 1,
  })
  expect(answer).toMatchObject({
    results: [{ id: '2', passage: input[2] }],
    plan: { space: 'text', metric: 'cosine' },
  })
})

function decode(embedding: unknown): Float32Array {
  const bytes = Buffer.from(String(embedding), 'base64')
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4))
}
