import { z } from '@hono/zod-openapi'
import { ERROR_CODES } from '../core/errors.js'
import { MATCHES, SEARCH_MODES } from '../core/types.js'
import { FUSIONS } from '../query/fusion.js'

// What the answers look like, for the OpenAPI document: the engine's own types are the truth.

const metadata = z.record(z.string(), z.unknown())
const vectors = z.record(z.string(), z.array(z.array(z.number())))

export const ErrorAnswer = z
  .object({
    error: z.object({ code: z.enum(ERROR_CODES), message: z.string(), details: metadata.optional() }),
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
        encoderName: z.string().nullable(),
        input: z.enum(['text', 'image', 'vectors']),
        version: z.int(),
        dim: z.int(),
        metrics: z.array(z.string()),
        columns: z.array(z.string()).optional().openapi({ description: 'Names of the dimensions' }),
        vectors: z.int(),
        indexed: z.int(),
      }),
    ),
    keywords: z.array(z.string()).optional(),
    indexed: z
      .array(z.string())
      .optional()
      .openapi({ description: 'Metadata fields that filters find fast' }),
  })
  .openapi('Collection')

const facets = z
  .record(z.string(), z.array(z.object({ value: z.unknown(), count: z.int() })))
  .openapi({ description: 'By field: the most frequent values, with the number of items that have them' })

export const FacetsAnswer = z
  .object({ matches: z.int().openapi({ description: 'Items that match' }), facets })
  .openapi('Facets')

export const CollectionsAnswer = z.object({ collections: z.array(CollectionAnswer) })
export const DeletedAnswer = z.object({ deleted: z.int() })
export const ReceiptAnswer = z.object({
  upserted: z.int(),
  unchanged: z.int(),
  lines: z.int().optional().openapi({ description: 'Lines read, for NDJSON' }),
})

const Anomaly = z
  .object({
    space: z.string(),
    version: z.int().openapi({ description: "Which of the space's encoder versions judged" }),
    detector: z.string().openapi({ description: '`verdict`, or `reconstruction` by the encoder itself' }),
    detection: z.int().optional().openapi({ description: "Which of the space's detections judged" }),
    score: z.number().openapi({ description: 'Larger is stranger' }),
    error: z.number().nullable(),
    percentile: z.number().openapi({ description: 'Of normal items, how many score less' }),
    pValue: z.number().optional().openapi({ description: 'Part of normal items that are as strange' }),
    flagged: z.boolean(),
    detectors: z
      .record(z.string(), z.object({ score: z.number(), pValue: z.number() }))
      .optional()
      .openapi({ description: 'What each detector says' }),
    correction: z.enum(['fine', 'strange']).optional(),
  })
  .openapi('Anomaly')

export const ItemAnswer = z
  .object({
    id: z.string(),
    metadata: metadata.optional(),
    text: z.string().nullable().optional(),
    vectors: vectors.optional(),
    anomaly: Anomaly.optional(),
    hasImage: z.boolean().optional(),
  })
  .openapi('Item')

export const ItemsAnswer = z.object({ items: z.array(ItemAnswer), cursor: z.string().optional() })

export const SearchAnswer = z
  .object({
    results: z.array(
      z.object({
        id: z.string(),
        score: z.number().openapi({ description: 'Larger is better; of a hybrid search 0 to 1' }),
        distance: z.number().optional().openapi({ description: 'Smaller is nearer; where vectors found it' }),
        scores: z
          .object({ dense: z.number().optional(), keyword: z.number().optional() })
          .optional()
          .openapi({ description: 'Of a hybrid search: what each of its parts gave' }),
        spaceScores: z
          .record(z.string(), z.number())
          .optional()
          .openapi({ description: 'Of examples over several spaces: what each space gave' }),
        group: z
          .union([z.string(), z.number(), z.boolean()])
          .optional()
          .openapi({ description: 'The value of the field of `groupBy`' }),
        percentile: z.number().optional().openapi({
          description: "How many pairs of the collection's items are less alike, in 0..100",
        }),
        metadata: metadata.optional(),
        text: z.string().nullable().optional(),
        vectors: vectors.optional(),
        anomaly: Anomaly.optional(),
        passage: z.string().optional(),
        highlights: z
          .array(
            z.object({
              text: z.string(),
              start: z
                .int()
                .openapi({ description: "Where the piece begins in the item's text, in UTF-16 units" }),
              marks: z
                .array(z.array(z.int()).length(2))
                .openapi({ description: 'Borders of the words in the piece: [start, end) in UTF-16 units' }),
            }),
          )
          .optional()
          .openapi({ description: 'Where words of the query stand' }),
      }),
    ),
    facets: facets.optional(),
    cursor: z
      .string()
      .optional()
      .openapi({ description: 'For the next page, where `offset` or `cursor` was asked; the last has none' }),
    match: z.enum(MATCHES).optional().openapi({
      description: 'Whether a text was answered; `none`: nothing here is a good match',
    }),
    matchReason: z
      .object({
        likelihood: z.number().openapi({ description: 'Below .5 `none`, below .9 `weak`' }),
        percentile: z.number().optional().openapi({
          description: 'Of items, how many have no other item as near as the best is to the query, in 0..100',
        }),
        deviations: z.number().optional().openapi({
          description: 'Standard deviations of the best above what random words of the collection reach',
        }),
        words: z.number().optional().openapi({
          description: "The part of the query's words, weighed by rarity, that one of the best texts has",
        }),
      })
      .optional(),
    tookMs: z.number(),
    plan: z.object({
      mode: z.enum(SEARCH_MODES),
      strategy: z.enum(['exact', 'hnsw', 'keyword']),
      space: z.string().optional(),
      spaces: z.array(z.string()).optional(),
      metric: z.string().optional(),
      ef: z.int().optional(),
      scanned: z.int(),
      fusion: z.enum(FUSIONS).optional(),
      alpha: z.number().optional(),
      candidates: z.int().optional(),
      filter: z
        .object({
          matches: z.int(),
          selectivity: z.number(),
          estimatedMs: z.number(),
          resolved: z.enum(['kept', 'memory', 'metadata']),
        })
        .optional(),
      hint: z.string().optional(),
    }),
  })
  .openapi('SearchAnswer')

export const SearchAnswers = z.object({ answers: z.array(SearchAnswer) }).openapi('SearchAnswers')

export const JobAnswer = z
  .object({
    id: z.string(),
    kind: z.string(),
    collection: z.string().optional(),
    state: z.enum(['running', 'done', 'failed', 'cancelled']),
    progress: z.object({
      done: z.int(),
      total: z.int(),
      unit: z.string(),
      message: z.string().optional(),
      metrics: z.record(z.string(), z.number()).optional(),
    }),
    createdAt: z.string(),
    endedAt: z.string().optional(),
    result: z.unknown().optional(),
    error: ErrorAnswer.shape.error.optional(),
  })
  .openapi('Job')

export const JobsAnswer = z.object({ jobs: z.array(JobAnswer) })

export const StartedAnswer = z.object({ job: JobAnswer })

const DetectionReport = z.object({
  items: z.int().openapi({ description: 'Items that the detectors were fitted to' }),
  reference: z.enum(['clean', 'mixed']),
  calibratedOn: z.int().openapi({ description: 'Items that p-values come from' }),
  weights: z.record(z.string(), z.number()).openapi({ description: 'Of each detector in the verdict' }),
  contamination: z
    .object({ estimate: z.number(), low: z.number(), high: z.number() })
    .openapi({ description: 'The part of the items that seems strange, and the range that it lies in' }),
})

export const OutliersAnswer = z
  .object({
    outliers: z.array(Anomaly.extend({ id: z.string() })),
    space: z.string(),
    detection: z.int(),
    reference: z.enum(['clean', 'mixed']),
    threshold: z
      .object({ pValue: z.number(), rate: z.number().optional(), fdr: z.number().optional() })
      .openapi({ description: 'Up to which p-value an item is flagged, and what was asked' }),
    falseAlarms: z
      .object({ expected: z.number(), low: z.number(), high: z.number() })
      .optional()
      .openapi({ description: 'Of normal items, the part that the rate flags, and its range' }),
    scored: z.int(),
    flagged: z.int(),
    report: DetectionReport,
    notes: z.array(z.string()),
  })
  .openapi('Outliers')

export const ExplanationAnswer = z
  .object({
    id: z.string(),
    space: z.string(),
    anomaly: Anomaly,
    reasons: z.array(
      z
        .looseObject({
          kind: z.enum(['detector', 'dimension', 'neighbours', 'passage', 'region']),
          text: z.string().openapi({ description: 'For people' }),
        })
        .openapi({ description: 'With the numbers that the text tells' }),
    ),
    nearest: z.array(z.object({ id: z.string(), distance: z.number() })),
    hasPicture: z.boolean().openapi({ description: 'Whether …/explanation/image has something to show' }),
  })
  .openapi('Explanation')

export const DetectionsAnswer = z
  .object({
    detections: z.array(
      z.object({
        version: z.int(),
        state: z.enum(['staged', 'current', 'retired']),
        settings: z.record(z.string(), z.unknown()),
        report: z.record(z.string(), z.unknown()),
        createdAt: z.string(),
        judged: z.int(),
        flagged: z.int(),
      }),
    ),
  })
  .openapi('Detections')

export const CorrectedAnswer = z.object({ corrected: z.int() }).openapi('Corrected')

export const CorrectionsAnswer = z
  .object({
    corrections: z.array(
      z.object({ id: z.string(), verdict: z.enum(['fine', 'strange']), madeAt: z.string() }),
    ),
  })
  .openapi('Corrections')

const relation = z.enum(['exact', 'near', 'similar'])

export const DuplicatesAnswer = z
  .object({
    collection: z.string(),
    items: z.int(),
    found: z.object({ groups: z.int(), exact: z.int(), near: z.int(), similar: z.int() }),
    fingerprinted: z.object({ texts: z.int(), images: z.int() }),
    compared: z.object({ texts: z.int(), images: z.int(), vectors: z.int() }),
    options: metadata,
    finishedAt: z.string(),
    groups: z.array(
      z
        .object({
          keep: z.string().openapi({
            description: 'The largest picture, else the longest text, else what was written first',
          }),
          duplicates: z.array(
            z.object({
              id: z.string(),
              relation,
              score: z.number().openapi({ description: 'Larger is more alike' }),
            }),
          ),
        })
        .openapi('DuplicateGroup'),
    ),
    cursor: z.string().optional(),
  })
  .openapi('Duplicates')

const version = {
  version: z.int(),
  encoder: z.string().nullable(),
  encoderName: z.string().nullable(),
  dim: z.int(),
  settings: metadata,
  report: metadata,
}

export const VersionsAnswer = z.object({
  versions: z.array(
    z
      .object({
        ...version,
        unit: z.boolean(),
        metrics: z.array(z.string()),
        state: z.enum(['staged', 'current', 'retired']),
        createdAt: z.string(),
        vectors: z.int(),
      })
      .openapi('EncoderVersion'),
  ),
})

export const ModelAnswer = z
  .object({
    kind: z.string(),
    id: z.string(),
    dim: z.int(),
    unit: z.boolean(),
    settings: metadata,
    report: metadata,
    files: z.array(z.string()).openapi({ description: 'Names, to be asked for one by one' }),
  })
  .openapi('EncoderModel')

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
        dim: z.int().optional(),
        source: z.enum(['bundled', 'home', 'folder']),
        folder: z.string(),
        isDefault: z.boolean(),
        size: z.int().optional().openapi({ description: 'Bytes of weights and tokenizer' }),
        file: z.string().optional().openapi({ description: 'The ONNX file, relative to the folder' }),
        settings: z.record(z.string(), z.unknown()).optional(),
        problem: z.string().optional().openapi({ description: 'Why it cannot be used, and what to do' }),
      })
      .openapi('Encoder'),
  ),
})

export const HealthAnswer = z.object({ status: z.literal('ok'), version: z.string(), pid: z.int() })
export const ReadyAnswer = z.object({ ready: z.literal(true), encoder: z.string() })
