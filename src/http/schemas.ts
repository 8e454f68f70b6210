import { z } from '@hono/zod-openapi'
import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import { METRICS } from '../core/metrics.js'
import { DUPLICATE_PARTS, DUPLICATE_RELATIONS, INCLUDES, SEARCH_MODES } from '../core/types.js'
import { FUSIONS } from '../query/fusion.js'

// What a schema leaves to the engine (names, ids, metrics, sizes of texts) has an error code of its own there.
// Vectors and metadata are taken as they are: walking them with zod, number by number, would cost milliseconds.

const Vector = z
  .custom<number[]>(Array.isArray, 'must be an array of numbers')
  .openapi({ type: 'array', items: { type: 'number' } })

const Metadata = z
  .custom<Record<string, unknown>>(isObject, 'must be an object')
  .openapi({ type: 'object', additionalProperties: true })

const metric = z.string().openapi({ enum: [...METRICS] })
const include = z.array(z.enum(INCLUDES))
const fields = z.array(z.string())
// walked by the engine, which bounds it and names what is wrong
const where = z.unknown().openapi({
  type: 'object',
  additionalProperties: true,
  description:
    'Conditions by field: {"year": {"$gte": 2000}, "tags": "sea"}; $eq $ne $gt $gte $lt $lte $in $nin $exists $contains $not, joined by $and $or $not',
})
const whereQuery = z
  .string()
  .transform(parseWhereQuery)
  .openapi({ description: 'A filter as JSON: {"year": {"$gte": 2000}}' })
const id = z.string().openapi({ description: `1 to ${LIMITS.idBytes} UTF-8 bytes, no control characters` })
const image = z
  .string()
  .openapi({ description: 'A picture (PNG, JPEG, WebP, GIF, AVIF) in base64, or a data URL' })

const renderedImage = z
  .strictObject({
    rendition: z.string().openapi({ description: 'PNG or WebP of at most 256 pixels a side, in base64' }),
    width: z.int().min(1),
    height: z.int().min(1),
    hash: z.string().openapi({ description: 'SHA-256 of the file, in hexadecimal' }),
    path: z.string(),
  })
  .openapi('RenderedImage', { description: 'A picture whose file stays where it is' })

export const SpaceBody = z
  .strictObject({
    name: z.string(),
    encoder: z.string().optional(),
    dim: z.int().min(1).max(LIMITS.dim).optional(),
    metrics: z.array(metric).min(1).optional(),
    columns: z
      .array(z.string())
      .optional()
      .openapi({ description: 'Names of the dimensions of vectors that you bring: dim of them' }),
  })
  .openapi('SpaceOptions')

export const CollectionBody = z
  .strictObject({
    name: z.string(),
    encoder: z.string().optional(),
    spaces: z.array(SpaceBody).optional(),
    keywords: z.array(z.string()).optional().openapi({
      description:
        'Paths of the metadata whose strings keyword search finds beside the text: `title`, `author.name`',
    }),
    indexed: fields.optional().openapi({ description: 'Metadata fields that filters are to find fast' }),
  })
  .openapi('NewCollection')

export const CollectionChangesBody = z.strictObject({ indexed: fields }).openapi('CollectionChanges')

const vectorsBySpace = z.custom<Record<string, unknown>>(isObject, 'must be an object of vectors by space')

export const ItemBody = z
  .strictObject({
    id,
    text: z.string().optional(),
    image: z.union([image, renderedImage]).optional(),
    metadata: Metadata.optional(),
    vectors: vectorsBySpace
      .openapi({ type: 'object', additionalProperties: { type: 'array', items: { type: 'number' } } })
      .optional(),
  })
  .openapi('NewItem')

export const ItemsBody = z.strictObject({ items: z.array(ItemBody) }).openapi('NewItems')

/** The same without a look at the elements: they are checked one by one, with their ids in the messages. */
export const ItemsEnvelope = z.strictObject({ items: z.array(z.unknown()) })

export const PatchBody = z
  .strictObject({
    text: z.string().nullable().optional(),
    image: z.union([image, renderedImage]).nullable().optional(),
    metadata: Metadata.optional(),
    vectors: vectorsBySpace
      .openapi({
        type: 'object',
        additionalProperties: { type: ['array', 'null'], items: { type: 'number' } },
        description: 'null takes a vector away',
      })
      .optional(),
  })
  .openapi('ItemChanges')

export const DeleteBody = z
  .strictObject({ ids: z.array(id).max(LIMITS.batchItems).optional(), where: where.optional() })
  .openapi('Deletion', { description: 'One of `ids` and `where`' })

const queryKinds = {
  text: z.string().optional(),
  id: z.string().optional(),
  vector: Vector.optional(),
  encoder: z
    .string()
    .optional()
    .openapi({ description: 'Beside `vector`: the id of the encoder that made it' }),
  image: image.optional(),
}

const ExampleBody = z
  .strictObject({
    ...queryKinds,
    weight: z.number().gt(0).optional().openapi({ description: 'Among those of its side. Default: 1' }),
    space: z.string().optional(),
  })
  .openapi('Example', { description: 'Exactly one of `text`, `id`, `vector`, `image`', minProperties: 1 })

const examples = z.array(ExampleBody).max(LIMITS.examples)

const QueryBody = z
  .strictObject({
    ...queryKinds,
    positive: examples.optional().openapi({
      description: 'More like these; at least one. Joined by rank where they are of several spaces',
    }),
    negative: examples.optional().openapi({ description: 'Less like those; beside `positive`' }),
  })
  .openapi('Query', {
    description: 'Exactly one kind: `text`, `id`, `vector`, `image`, or `positive` with `negative`',
    minProperties: 1,
  })

export const SearchBody = z
  .strictObject({
    query: QueryBody,
    space: z.string().optional(),
    metric: metric.optional(),
    mode: z.enum(SEARCH_MODES).optional().openapi({
      description:
        'Default: `hybrid` for a text, else `dense`. In `hybrid` and `keyword` a text may hold "quoted phrases", -excluded words and prefix*',
    }),
    fusion: z.enum(FUSIONS).optional().openapi({
      description: 'How a hybrid search joins its two lists: by reciprocal ranks (default) or by scores',
    }),
    alpha: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .openapi({ description: 'Of a hybrid search: 0 is keyword, 1 dense; default .5' }),
    k: z.int().min(1).max(LIMITS.k).optional(),
    where: where.optional(),
    facets: fields
      .optional()
      .openapi({ description: 'Fields whose most frequent values are counted among all that match' }),
    exact: z.boolean().optional(),
    ef: z.int().min(1).optional(),
    targetRecall: z.number().min(0.9).max(0.999).optional(),
    include: include.optional(),
    minScore: z.number().optional().openapi({ description: 'Only results of at least this `score`' }),
    maxDistance: z.number().optional().openapi({
      description: 'All items within this distance, up to `k`; of dense search in one space',
    }),
    offset: z
      .int()
      .min(0)
      .max(LIMITS.k)
      .optional()
      .openapi({
        description: `Passes over so many, and gives a \`cursor\` for what follows; with \`k\` at most ${LIMITS.k}`,
      }),
    cursor: z.string().optional().openapi({ description: 'From the answer before, with the same request' }),
    groupBy: z.string().optional().openapi({
      description: 'A metadata field: the best items of each of its values, at most `k` values',
    }),
    groupSize: z.int().min(1).optional().openapi({ description: 'Items of each value. Default: 1' }),
    diversity: z.number().min(0).max(1).optional().openapi({
      description:
        'How different from each other results are to be: 0 (default) not at all; `k` is at most 100',
    }),
    calibrated: z.boolean().optional().openapi({
      description: 'Wait for percentiles and `match` where the collection is not calibrated yet',
    }),
  })
  .openapi('SearchRequest')

export const SearchBatchBody = z
  .strictObject({ searches: z.array(SearchBody).max(LIMITS.searches) })
  .openapi('SearchBatch', { description: 'One that is refused refuses all' })

/** The same without a look at the searches: they are checked one by one, with their positions in the messages. */
export const SearchBatchEnvelope = z.strictObject({ searches: z.array(z.unknown()).max(LIMITS.searches) })

export const TrainBody = z
  .strictObject({
    encoder: z.enum(['pca', 'autoencoder', 'vae']),
    space: z.string().optional(),
    dim: z.int().min(1).max(1_024).optional(),
    size: z.int().min(4).max(LIMITS.trainingSide).optional(),
    channels: z.union([z.literal(1), z.literal(3)]).optional(),
    epochs: z.int().min(1).max(1_000).optional(),
    beta: z.number().min(0).max(100).optional(),
    denoise: z.number().min(0).max(1).optional(),
    seed: z.int().min(0).max(4_294_967_295).optional(),
    engine: z.enum(['onnx', 'tfjs-node']).optional(),
  })
  .openapi('TrainRequest')

const reference = z.enum(['clean', 'mixed']).openapi({
  description:
    'Whether all that detectors are fitted to is normal (clean) or may hold strangers (mixed). Default: mixed',
})

export const DetectBody = z
  .strictObject({
    space: z
      .string()
      .optional()
      .openapi({ description: 'Default: of pictures `outliers`, made for it; else text, else the first' }),
    reference: reference.optional(),
    rate: z
      .number()
      .optional()
      .openapi({ description: 'Part of normal items that may be flagged. Default: 0.01' }),
    fdr: z.number().optional().openapi({ description: 'Instead: part of flagged items that may be normal' }),
    where: where.optional(),
    seed: z.int().min(0).max(4_294_967_295).optional(),
  })
  .openapi('DetectRequest')

export const CorrectBody = z
  .strictObject({
    ids: z.array(id),
    verdict: z
      .enum(['fine', 'strange'])
      .nullable()
      .openapi({ description: 'fine: never flagged; strange: always; null: take it back' }),
  })
  .openapi('CorrectRequest')

export const DuplicatesBody = z
  .strictObject({
    relations: z
      .array(z.enum(DUPLICATE_RELATIONS))
      .min(1)
      .optional()
      .openapi({ description: 'Which kinds are looked for. Default: exact and near' }),
    by: z.enum(DUPLICATE_PARTS).optional().openapi({
      description:
        'What exact and near ones must share: all that both have, or one part alone. Default: item',
    }),
    textThreshold: z
      .number()
      .min(0.5)
      .max(1)
      .optional()
      .openapi({ description: 'Of near texts. Default: 0.7' }),
    imageThreshold: z
      .number()
      .min(0.9)
      .max(1)
      .optional()
      .openapi({ description: 'Of near pictures. Default: 0.95' }),
    space: z.string().optional().openapi({ description: 'Of similar items: whose vectors are compared' }),
    where: where.optional(),
    threshold: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .openapi({ description: 'Of similar items: the least cosine. Default: 0.95' }),
  })
  .openapi('DuplicatesRequest')

export const RevertBody = z.strictObject({ version: z.int().min(1).optional() }).openapi('RevertRequest')

export const EmbeddingsBody = z
  .strictObject({
    input: z
      .custom<string | unknown[]>(
        (value) => typeof value === 'string' || Array.isArray(value),
        'must be a string or an array of strings',
      )
      .openapi({ type: ['string', 'array'], items: { type: 'string' } }),
    model: z.string(),
    encoding_format: z.enum(['float', 'base64']).optional(),
    dimensions: z.int().min(1).optional(),
    user: z.string().optional(),
    as: z.enum(['query', 'passage']).optional().openapi({
      description: 'How encoders with prompts take the texts; not of the OpenAI protocol. Default: passage',
    }),
  })
  .openapi('EmbeddingsRequest')

export const UseBody = z.strictObject({ name: z.string() }).openapi('EncoderChoice')

const includeQuery = (unless: string) =>
  z
    .string()
    .optional()
    .openapi({ description: `What to show, separated by commas: ${INCLUDES.join(', ')}. Default: ${unless}` })
export const ItemQuery = z.strictObject({ include: includeQuery('metadata,text,anomaly') })
const yes = z.enum(['true', 'false']).transform((text) => text === 'true')
export const ImageQuery = z.strictObject({
  rendition: yes
    .optional()
    .openapi({ description: 'At most 256 pixels a side instead of the file as given' }),
})
export const ReconstructionQuery = z.strictObject({ space: z.string().optional() })
export const OutliersQuery = z.strictObject({
  space: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(LIMITS.pageItems).optional(),
  flagged: yes.optional().openapi({ description: 'Only those that are flagged' }),
  where: whereQuery.optional(),
  rate: z.coerce
    .number()
    .optional()
    .openapi({ description: 'Part of normal items that may be flagged: above 0, below 1' }),
  fdr: z.coerce
    .number()
    .optional()
    .openapi({ description: 'Instead: part of flagged items that may be normal' }),
  reference: reference.optional(),
  detector: z.string().optional().openapi({ description: 'Whose scores order the answer. Default: verdict' }),
  against: z
    .string()
    .optional()
    .openapi({ description: 'Judge by what is normal in this other collection; nothing is stored' }),
  againstWhere: whereQuery.optional(),
})
export const DetectionsQuery = z.strictObject({ space: z.string().optional() })
export const DuplicatesQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMITS.pageItems).optional(),
  cursor: z.string().optional(),
})
export const VersionQuery = z.strictObject({
  version: z.coerce.number().int().min(1).optional(),
})
export const ListQuery = z.strictObject({
  include: includeQuery('metadata,text'),
  limit: z.coerce.number().int().min(1).max(LIMITS.pageItems).optional(),
  cursor: z.string().optional(),
  where: whereQuery.optional(),
})
export const FacetsQuery = z.strictObject({
  field: z
    .string()
    .optional()
    .openapi({ description: 'Metadata fields, separated by commas; none counts matches alone' }),
  where: whereQuery.optional(),
  limit: z.coerce.number().int().min(1).max(LIMITS.pageItems).optional(),
})

/** @throws EngineError INVALID_JSON */
function parseWhereQuery(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new EngineError('INVALID_JSON', '"where" in the query is not JSON', {
      cause,
      details: { field: 'where' },
    })
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
