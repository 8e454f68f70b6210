import { expect, test } from 'vitest'
import { EngineError, ERROR_CODES, type ErrorCode } from '#src/core/errors.js'
import { errorResponse, HTTP_STATUS } from '#src/http/errors.js'

const STATUSES: [number, ErrorCode[]][] = [
  [400, ['INVALID_REQUEST', 'INVALID_JSON', 'INVALID_ID', 'INVALID_NAME', 'INVALID_TEXT', 'INVALID_FILTER']],
  [
    400,
    [
      'INVALID_METADATA',
      'INVALID_VECTOR',
      'INVALID_IMAGE',
      'ZERO_VECTOR',
      'DIMENSION_MISMATCH',
      'DUPLICATE_ID',
      'METRIC_UNKNOWN',
    ],
  ],
  [400, ['FILE_UNREADABLE', 'INVALID_DATASET']],
  [401, ['UNAUTHORIZED']],
  [403, ['FORBIDDEN']],
  [404, ['NOT_FOUND', 'COLLECTION_NOT_FOUND', 'SPACE_NOT_FOUND', 'ITEM_NOT_FOUND', 'JOB_NOT_FOUND']],
  [404, ['ENCODER_NOT_FOUND', 'DETECTION_NOT_FOUND']],
  [405, ['METHOD_NOT_ALLOWED']],
  [409, ['COLLECTION_EXISTS', 'CONFLICT', 'ENCODER_MISMATCH']],
  [413, ['TEXT_TOO_LARGE', 'BODY_TOO_LARGE', 'BATCH_TOO_LARGE', 'IMAGE_TOO_LARGE']],
  [415, ['UNSUPPORTED_MEDIA_TYPE']],
  [422, ['QUANTIZATION_REFUSED', 'TOO_FEW_ITEMS', 'TOO_FEW_IMAGES', 'TRAINING_DIVERGED']],
  [499, ['CANCELLED']],
  [500, ['ENCODER_INVALID', 'LABEL_REUSED', 'INDEX_INVALID', 'HOME_NOT_WRITABLE', 'DATABASE_TOO_NEW']],
  [500, ['DATABASE_CORRUPT', 'NATIVE_ADDON_MISSING', 'PORT_IN_USE', 'JOB_INTERRUPTED', 'INTERNAL']],
  [501, ['UNSUPPORTED', 'KERNEL_MISSING']],
  [502, ['DOWNLOAD_FAILED', 'SERVER_UNREACHABLE']],
  [503, ['CLOSED', 'BUSY', 'HOME_LOCKED']],
  [507, ['DISK_FULL']],
]

test('every error code has its status', () => {
  const expected = new Map(STATUSES.flatMap(([status, codes]) => codes.map((code) => [code, status])))
  for (const code of ERROR_CODES) expect([code, HTTP_STATUS[code]]).toEqual([code, expected.get(code)])
})

test.each(ERROR_CODES)('%s is answered with its code, message and details', async (code) => {
  const response = errorResponse(new EngineError(code, 'why', { details: { field: 'k' } }))
  expect(response.status).toBe(HTTP_STATUS[code])
  expect(response.headers.get('content-type')).toMatch(/^application\/json/)
  expect(await response.json()).toEqual({ error: { code, message: 'why', details: { field: 'k' } } })
})

test('anything else that is thrown is INTERNAL, without its stack', async () => {
  const response = errorResponse(new TypeError('oops'))
  expect(response.status).toBe(500)
  expect(await response.json()).toEqual({ error: { code: 'INTERNAL', message: 'oops' } })
})

test('UNAUTHORIZED asks for a bearer token, BUSY says when to come back', () => {
  expect(errorResponse(new EngineError('UNAUTHORIZED', '')).headers.get('www-authenticate')).toMatch(
    /^Bearer/,
  )
  expect(errorResponse(new EngineError('BUSY', '')).headers.get('retry-after')).toBe('1')
})
