/** The bounds of everything that could otherwise grow without one. Sizes in bytes unless named otherwise. */
export const LIMITS = {
  /** An item id, in UTF-8. */
  idBytes: 512,
  /** A collection, space or encoder name, in UTF-16 units. */
  nameLength: 100,
  /** One item's text, in UTF-8. About 250,000 tokens, or 1,000 passages. */
  textBytes: 1 << 20,
  /** One item's metadata as JSON. */
  metadataBytes: 1 << 18,
  /** Levels of objects and arrays in metadata. */
  metadataDepth: 32,
  /** One item's picture over HTTP or from a library. */
  imageBytes: 8 << 20,
  /** One picture's width times height. A larger one is refused before it is decoded. */
  imagePixels: 150_000_000,
  /** A rendition's longer side, in pixels. */
  renditionSide: 256,
  /** Decoded pixels that a training run holds; of larger collections it takes a sample. */
  trainingBytes: 512 << 20,
  /** Side of the square that pictures are brought to for training, in pixels. */
  trainingSide: 128,
  /** Items of one JSON batch over HTTP. */
  batchItems: 10_000,
  /** One JSON body over HTTP. */
  bodyBytes: 16 << 20,
  /** Lines of an NDJSON body that are written together. */
  ndjsonStep: 1_000,
  /** The longest line of an NDJSON body. */
  ndjsonLineBytes: 16 << 20,
  /** The largest `k` of a search. */
  k: 10_000,
  /** Searches of one batch, whose `offset` and `k` are together at most `k`. */
  searches: 100,
  /** Positive and negative examples of one query. */
  examples: 100,
  /** Items of one page of a listing. */
  pageItems: 1_000,
  /** Of a query text, how many UTF-16 units are read for keywords; the encoder reads all it can take. */
  keywordQueryLength: 4_096,
  /** Metadata paths of a collection that keyword search reads. */
  keywordPaths: 32,
  /** Conditions of one filter. */
  filterTerms: 1_000,
  /** Levels of `$and`, `$or` and `$not` in a filter. */
  filterDepth: 32,
  /** Values in all `$in` and `$nin` of a filter. */
  filterValues: 100_000,
  /** A field's dotted name, in UTF-16 units. */
  fieldLength: 1_000,
  /** Dimensions of a space. */
  dim: 16_384,
  /** Texts of one embeddings request (OpenAI's own bound). */
  embeddingInputs: 2_048,
} as const
