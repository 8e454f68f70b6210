import { z } from '@hono/zod-openapi'

// What the answers look like, for the OpenAPI document: the engine's own types are the truth.

const metadata = z.record(z.string(), z.unknown())
const vectors = z.record(z.string(), z.array(z.array(z.number())))

export const ErrorAnswer = z
  .object({
    error: z.object({ code: z.string(), message: z.string(), details: metadata.optional() }),
  })
  .openapi('Error')

export const CollectionAnswer = z
  .object({
    name: z.string(),
    items: z.int(),
    spaces: z.array(
      z.object({
        name: z.string(),
        encoder: z.string().nullable(),
        dim: z.int(),
        metrics: z.array(z.string()),
        vectors: z.int(),
        indexed: z.int(),
      }),
    ),
  })
  .openapi('Collection')

export const CollectionsAnswer = z.object({ collections: z.array(CollectionAnswer) })
export const DeletedAnswer = z.object({ deleted: z.int() })
export const ReceiptAnswer = z.object({
  upserted: z.int(),
  unchanged: z.int(),
  lines: z.int().optional().openapi({ description: 'Lines read, for NDJSON' }),
})

export const ItemAnswer = z
  .object({
    id: z.string(),
    metadata: metadata.optional(),
    text: z.string().nullable().optional(),
    vectors: vectors.optional(),
    hasImage: z.boolean().optional(),
  })
  .openapi('Item')

export const ItemsAnswer = z.object({ items: z.array(ItemAnswer), cursor: z.string().optional() })

export const SearchAnswer = z
  .object({
    results: z.array(
      z.object({
        id: z.string(),
        score: z.number().openapi({ description: 'Larger is better' }),
        distance: z.number().openapi({ description: 'Smaller is nearer' }),
        metadata: metadata.optional(),
        text: z.string().nullable().optional(),
        vectors: vectors.optional(),
        passage: z.string().optional(),
      }),
    ),
    tookMs: z.number(),
    plan: z.object({
      strategy: z.enum(['exact', 'hnsw']),
      space: z.string(),
      metric: z.string(),
      ef: z.int().optional(),
      scanned: z.int(),
    }),
  })
  .openapi('SearchAnswer')

export const JobAnswer = z
  .object({
    id: z.string(),
    kind: z.string(),
    collection: z.string().optional(),
    state: z.enum(['queued', 'running', 'done', 'failed', 'cancelled']),
    progress: z.object({ done: z.int(), total: z.int(), unit: z.string(), message: z.string().optional() }),
    createdAt: z.string(),
    endedAt: z.string().optional(),
    result: z.unknown().optional(),
    error: ErrorAnswer.shape.error.optional(),
  })
  .openapi('Job')

export const JobsAnswer = z.object({ jobs: z.array(JobAnswer) })

export const EmbeddingsAnswer = z
  .object({
    object: z.literal('list'),
    data: z.array(
      z.object({
        object: z.literal('embedding'),
        index: z.int(),
        embedding: z.union([z.array(z.number()), z.string()]),
      }),
    ),
    model: z.string(),
    usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
  })
  .openapi('Embeddings')

export const ModelsAnswer = z.object({
  object: z.literal('list'),
  data: z.array(
    z.object({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() }),
  ),
})

export const EncodersAnswer = z.object({
  encoders: z.array(
    z
      .object({
        name: z.string(),
        id: z.string().optional(),
        dim: z.int(),
        source: z.enum(['bundled', 'home', 'folder']),
        isDefault: z.boolean(),
      })
      .openapi('Encoder'),
  ),
})

export const HealthAnswer = z.object({ status: z.literal('ok'), version: z.string(), pid: z.int() })
export const ReadyAnswer = z.object({ ready: z.literal(true), encoder: z.string() })
