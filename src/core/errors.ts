/**
 * Every way in which kindred refuses or fails, as a closed set.
 * `src/http/errors.ts` gives each its HTTP status.
 */
export const ERROR_CODES = [
  // what the caller sent
  'INVALID_REQUEST', // a field is missing, of the wrong type, out of range or unknown; the message names it
  'INVALID_JSON', // the body or a line is not JSON (cut short, not UTF-8, …)
  'INVALID_ID', // an item id that is empty, too long or holds control characters
  'INVALID_NAME', // a collection, space or encoder name that is not allowed
  'INVALID_TEXT', // an empty text, lone surrogates, or bytes that are not UTF-8
  'INVALID_FILTER', // a `where` that is not understood or passes a bound; the message names the place
  'INVALID_METADATA', // not an object, reserved keys, or too large
  'INVALID_VECTOR', // NaN, Infinity, or not numbers
  'INVALID_IMAGE', // bytes that are not a picture of a known format
  'IMAGE_TOO_LARGE', // more bytes or pixels than are taken
  'INVALID_DATASET', // a data file that is cut short or does not agree with its labels
  'ZERO_VECTOR', // a zero vector where cosine is declared or asked
  'DIMENSION_MISMATCH',
  'DUPLICATE_ID', // twice in one batch
  'TEXT_TOO_LARGE',
  'BODY_TOO_LARGE',
  'BATCH_TOO_LARGE',
  'FILE_UNREADABLE', // a file or folder that is not there or cannot be read
  'UNSUPPORTED', // a request of the contract that this version does not answer yet, or a file type it cannot read
  'METHOD_NOT_ALLOWED',
  'UNSUPPORTED_MEDIA_TYPE', // a body that is not declared as JSON or NDJSON
  'UNAUTHORIZED',
  'FORBIDDEN', // a request under a host name that is not this server's
  // what is not there, or is in the way
  'NOT_FOUND', // a route, or what an item or an encoder does not have: a picture, a report, a file
  'COLLECTION_NOT_FOUND',
  'COLLECTION_EXISTS',
  'SPACE_NOT_FOUND',
  'ITEM_NOT_FOUND',
  'JOB_NOT_FOUND',
  'METRIC_UNKNOWN',
  'CONFLICT', // the item changed between reading and writing, again and again
  'CANCELLED',
  'CLOSED', // the engine, encoder or index was closed
  'BUSY', // a queue is full; try again later
  // encoders
  'ENCODER_NOT_FOUND',
  'ENCODER_INVALID', // a model folder with a file missing, cut short or not understood
  'ENCODER_MISMATCH', // vectors of one encoder asked of a space of another
  'TOO_FEW_ITEMS', // too few with vectors to tell what is usual among them
  'DETECTION_NOT_FOUND',
  'TOO_FEW_IMAGES', // too few, or too few different ones, to fit what was asked
  'TRAINING_DIVERGED', // the loss became NaN before anything was learned
  'KERNEL_MISSING', // a tfjs kernel that cannot be recorded as ONNX
  'JOB_INTERRUPTED', // the process ended while the job ran
  'QUANTIZATION_REFUSED', // the quantized model strays too far from its fp32
  'DOWNLOAD_FAILED',
  // indexes
  'LABEL_REUSED', // a label that the index has seen before, live or dead
  'INDEX_INVALID', // an index file that is missing, cut short, altered or of another index
  // the home
  'HOME_LOCKED', // another engine holds it
  'HOME_NOT_WRITABLE',
  'DATABASE_TOO_NEW',
  'DATABASE_CORRUPT',
  'DISK_FULL',
  'NATIVE_ADDON_MISSING',
  'PORT_IN_USE',
  'SERVER_UNREACHABLE',
  'INTERNAL',
] as const

/** One of {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number]

/** What an {@link EngineError} may carry beside its message: small, JSON, made for programs. */
export type ErrorDetails = Record<string, unknown>

/** The one error class of kindred: a closed code, a message for people, details for programs. */
export class EngineError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails | undefined

  /**
   * @param code which of the known failures it is
   * @param message what came, what was expected and, where it helps, what to do
   */
  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: ErrorDetails } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'EngineError'
    this.code = code
    this.details = options.details
  }
}

/** An {@link EngineError} as plain data, to cross a thread or a socket. */
export interface PlainError {
  code: ErrorCode
  message: string
  details?: ErrorDetails
}

/** Makes any thrown value plain; what is not an EngineError becomes INTERNAL with its message. */
export function toPlainError(error: unknown): PlainError {
  if (error instanceof EngineError) {
    const { code, message, details } = error
    return details === undefined ? { code, message } : { code, message, details }
  }
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) }
}

/** The opposite of {@link toPlainError}. */
export function fromPlainError(plain: PlainError): EngineError {
  return new EngineError(plain.code, plain.message, plain.details ? { details: plain.details } : {})
}
