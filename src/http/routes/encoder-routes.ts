import { EngineError } from '../../core/errors.js'
import { EmbeddingsAnswer, EncodersAnswer, ModelsAnswer } from '../answer-schemas.js'
import { answers, type Door, type Endpoint, jsonBody } from '../endpoint.js'
import { jsonAnswer, listAnswer } from '../json-answer.js'
import { readJson } from '../read-body.js'
import { EmbeddingsBody, UseBody } from '../schemas.js'

const tags = ['Encoders']

/** GET /v1/encoders, POST /v1/encoders/use; as OpenAI's: POST /v1/embeddings, GET /v1/models. */
export function encoderRoutes({ kindred, bodies }: Door): Endpoint[] {
  return [
    {
      route: {
        method: 'post',
        path: '/v1/embeddings',
        summary: 'Encode texts, as in the OpenAI protocol',
        tags,
        request: jsonBody(EmbeddingsBody),
        responses: answers('One vector a text; base64 is of float32, little-endian', EmbeddingsAnswer),
      },
      async handle(c) {
        const { input, model, dimensions, encoding_format, as } = await readJson(c, bodies, 'embeddings')
        if (dimensions !== undefined) await checkDimensions(model, dimensions)
        const { signal } = c.req.raw
        const { encoder, vectors, tokens } = await kindred.embed(input, {
          encoder: model,
          as: as ?? 'passage',
          signal,
        })
        const quote = encoding_format === 'base64' ? base64 : floats
        const usage = JSON.stringify({ prompt_tokens: tokens, total_tokens: tokens })
        return listAnswer(vectors, {
          before: '{"object":"list","data":[',
          after: `],"model":${JSON.stringify(encoder)},"usage":${usage}}`,
          write: (vector, index) => `{"object":"embedding","index":${index},"embedding":${quote(vector)}}`,
        })
      },
    },
    {
      route: {
        method: 'get',
        path: '/v1/models',
        summary: 'The encoders, as in the OpenAI protocol',
        tags,
        responses: answers('All encoders', ModelsAnswer),
      },
      async handle() {
        const encoders = await kindred.encoders.list()
        const data = encoders.map(({ name }) => ({
          id: name,
          object: 'model',
          created: 0,
          owned_by: 'kindred',
        }))
        return jsonAnswer({ object: 'list', data })
      },
    },
    {
      route: {
        method: 'get',
        path: '/v1/encoders',
        summary: 'List the text encoders',
        tags,
        responses: answers('Those that ship and those of the home', EncodersAnswer),
      },
      async handle() {
        return jsonAnswer({ encoders: await kindred.encoders.list() })
      },
    },
    {
      route: {
        method: 'post',
        path: '/v1/encoders/use',
        summary: 'Choose the text encoder of new collections',
        tags,
        request: jsonBody(UseBody),
        responses: answers('All encoders', EncodersAnswer),
      },
      async handle(c) {
        const { name } = await readJson(c, bodies, 'use')
        await kindred.encoders.use(name)
        return jsonAnswer({ encoders: await kindred.encoders.list() })
      },
    },
  ]

  async function checkDimensions(model: string, dimensions: number): Promise<void> {
    const { dim } = await kindred.encoders.load(model)
    if (dimensions === dim) return
    throw new EngineError(
      'INVALID_REQUEST',
      `"dimensions" in the body must be ${dim} for encoder "${model}", got ${dimensions}: its vectors cannot be shortened`,
      { details: { field: 'dimensions' } },
    )
  }
}

function floats(vector: Float32Array): string {
  return `[${vector.join(',')}]`
}

function base64(vector: Float32Array): string {
  return `"${Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64')}"`
}
