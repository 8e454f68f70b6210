import { EngineError, type ErrorCode, type PlainError, toPlainError } from '../core/errors.js'

/** The HTTP status of every error code; a code without one does not compile. */
export const HTTP_STATUS: Record<ErrorCode, number> = {
  INVALID_REQUEST: 400,
  INVALID_JSON: 400,
  INVALID_ID: 400,
  INVALID_NAME: 400,
  INVALID_TEXT: 400,
  INVALID_FILTER: 400,
  INVALID_METADATA: 400,
  INVALID_VECTOR: 400,
  INVALID_IMAGE: 400,
  IMAGE_TOO_LARGE: 413,
  INVALID_DATASET: 400,
  ZERO_VECTOR: 400,
  DIMENSION_MISMATCH: 400,
  DUPLICATE_ID: 400,
  TEXT_TOO_LARGE: 413,
  BODY_TOO_LARGE: 413,
  BATCH_TOO_LARGE: 413,
  FILE_UNREADABLE: 400,
  UNSUPPORTED: 501,
  METHOD_NOT_ALLOWED: 405,
  UNSUPPORTED_MEDIA_TYPE: 415,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  COLLECTION_NOT_FOUND: 404,
  COLLECTION_EXISTS: 409,
  SPACE_NOT_FOUND: 404,
  ITEM_NOT_FOUND: 404,
  JOB_NOT_FOUND: 404,
  METRIC_UNKNOWN: 400,
  CONFLICT: 409,
  CANCELLED: 499, // "client closed request", as nginx has it
  CLOSED: 503,
  BUSY: 503,
  ENCODER_NOT_FOUND: 404,
  DETECTION_NOT_FOUND: 404,
  ENCODER_INVALID: 500,
  ENCODER_MISMATCH: 409,
  TOO_FEW_ITEMS: 422,
  TOO_FEW_IMAGES: 422,
  TRAINING_DIVERGED: 422,
  KERNEL_MISSING: 501,
  JOB_INTERRUPTED: 500,
  QUANTIZATION_REFUSED: 422,
  DOWNLOAD_FAILED: 502,
  LABEL_REUSED: 500,
  INDEX_INVALID: 500,
  HOME_LOCKED: 503,
  HOME_NOT_WRITABLE: 500,
  DATABASE_TOO_NEW: 500,
  DATABASE_CORRUPT: 500,
  DISK_FULL: 507,
  NATIVE_ADDON_MISSING: 500,
  PORT_IN_USE: 500,
  SERVER_UNREACHABLE: 502,
  INTERNAL: 500,
}

/** Headers of every JSON answer. */
export const JSON_HEADERS = {
  'content-type': 'application/json; charset=utf-8',
  'x-content-type-options': 'nosniff',
} as const

/** Any thrown value as the answer `{ "error": { code, message, details? } }`. */
export function errorResponse(thrown: unknown): Response {
  const error = describe(thrown)
  const headers: Record<string, string> = { ...JSON_HEADERS }
  if (error.code === 'UNAUTHORIZED') headers['www-authenticate'] = 'Bearer realm="kindred"'
  if (error.code === 'BUSY') headers['retry-after'] = '1'
  if (error.code === 'METHOD_NOT_ALLOWED' && Array.isArray(error.details?.allow)) {
    headers.allow = error.details.allow.join(', ')
  }
  return new Response(JSON.stringify({ error }), { status: HTTP_STATUS[error.code], headers })
}

function describe(thrown: unknown): PlainError {
  const aborted = thrown instanceof Error && thrown.name === 'AbortError'
  if (aborted && !(thrown instanceof EngineError)) return { code: 'CANCELLED', message: thrown.message }
  return toPlainError(thrown)
}
