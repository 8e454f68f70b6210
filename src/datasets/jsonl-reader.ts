import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import type { ItemInput, Metadata } from '../core/types.js'
import { decodeUtf8 } from './decode-text.js'
import { lookAhead } from './look-ahead.js'
import { type ColumnOptions, type Made, makeItem, metadataKeys, TEXT_COLUMNS } from './make-item.js'
import { type MadeRecord, skippedBy } from './read-record.js'
import { type Line, splitLines } from './split-lines.js'
import { COLUMNS_SPACE, holdsNumbers, vectorNumber } from './vector-columns.js'

type Fields = Record<string, unknown>

/**
 * Reads one JSON object a line: `{ id?, text?, image?, vectors?, metadata? }`. Where there is no `metadata`, all other
 * fields become it. Fields that make the item's vector stay metadata too. Blank lines are passed over; a bad line is
 * told and does not stop the rest.
 */
export async function* readJsonl(
  chunks: AsyncIterable<Uint8Array>,
  source: string,
  options: ColumnOptions,
): AsyncGenerator<MadeRecord> {
  yield* itemsOfJsonLines(splitLines(chunks, LIMITS.ndjsonLineBytes), source, options)
}

/** As {@link readJsonl}, of lines that were split already. */
export async function* itemsOfJsonLines(
  lines: AsyncIterable<Line>,
  source: string,
  options: ColumnOptions,
): AsyncGenerator<MadeRecord> {
  for await (const line of settledLines(lines, options)) {
    const at = `${source}:${line.number}`
    try {
      if (line.bytes === undefined) {
        throw new EngineError('TEXT_TOO_LARGE', `the line is longer than ${LIMITS.ndjsonLineBytes} bytes`)
      }
      const text = decodeUtf8(line.bytes)
      if (/\S/u.test(text)) yield { ...itemOf(parseObject(text), options), source: at }
    } catch (error) {
      yield skippedBy(error, at)
    }
  }
}

/** The same lines, once the first of them have told which fields hold numbers, where that was asked and is not known. */
function settledLines(lines: AsyncIterable<Line>, options: ColumnOptions): AsyncIterable<Line> {
  const { columns } = options
  if (columns === undefined || columns.names !== undefined) return lines
  return lookAhead(
    lines,
    ({ bytes }) => bytes?.length ?? 0,
    (first) => columns.settle(numericFields(first, options), `the first ${first.length} lines`),
  )
}

/** Fields that hold numbers; lines that cannot be read are passed over. */
function numericFields(lines: readonly Line[], options: ColumnOptions): string[] {
  const values = new Map<string, unknown[]>()
  for (const { bytes } of lines) {
    try {
      const fields = parseObject(decodeUtf8(bytes ?? new Uint8Array()))
      const known = namesOf(fields, options).known
      for (const [name, value] of Object.entries(isObject(fields.metadata) ? fields.metadata : fields)) {
        if (known.has(name)) continue
        const before = values.get(name)
        if (before) before.push(value)
        else values.set(name, [value])
      }
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
    }
  }
  return [...values].filter(([, found]) => holdsNumbers(found)).map(([name]) => name)
}

/** Which fields of a line mean something else than metadata. */
function namesOf(
  fields: Fields,
  {
    idColumn = 'id',
    textColumn = TEXT_COLUMNS.find((name) => typeof fields[name] === 'string') ?? 'text',
  }: ColumnOptions,
): { idColumn: string; textColumn: string; known: ReadonlySet<string> } {
  return { idColumn, textColumn, known: new Set([idColumn, textColumn, 'image', 'vectors', 'metadata']) }
}

/** @throws EngineError INVALID_JSON */
function parseObject(text: string): Fields {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new EngineError('INVALID_JSON', `the line is not JSON: ${(error as Error).message}`, {
      cause: error,
    })
  }
  if (isObject(value)) return value
  const found = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`
  throw new EngineError('INVALID_JSON', `the line is ${found}, expected an object such as {"text": "…"}`)
}

function itemOf(fields: Fields, options: ColumnOptions): Made {
  const { idColumn, textColumn, known } = namesOf(fields, options)
  const parts: Omit<ItemInput, 'id'> & { id?: string } = {}
  const id = idOf(fields[idColumn], idColumn, options.idColumn !== undefined)
  if (id !== undefined) parts.id = id
  const text = fields[textColumn] ?? undefined
  if (text !== undefined && typeof text !== 'string') {
    throw new EngineError('INVALID_TEXT', `"${textColumn}" is ${show(text)}, expected a string`)
  }
  if (text !== undefined) parts.text = text
  if (fields.image !== undefined && fields.image !== null) parts.image = pictureOf(fields.image)
  if (fields.vectors !== undefined && fields.vectors !== null) parts.vectors = vectorsOf(fields.vectors)
  const names = options.columns?.names
  if (names !== undefined) parts.vectors = withColumns(parts.vectors, fields, names)
  const metadata = metadataOf(fields, known)
  if (metadata !== undefined) parts.metadata = metadata
  if (text === undefined && parts.image === undefined && parts.vectors === undefined) {
    throw new EngineError(
      'INVALID_TEXT',
      `there is no "${textColumn}"; fields found: ${Object.keys(fields).join(', ') || 'none'}; choose one as the text (--text-column)`,
    )
  }
  return makeItem(parts)
}

/** The vectors of a line, with the one that its own numbers make. */
function withColumns(
  vectors: ItemInput['vectors'],
  fields: Fields,
  names: readonly string[],
): ItemInput['vectors'] {
  if (vectors?.[COLUMNS_SPACE] !== undefined) {
    throw new EngineError(
      'INVALID_VECTOR',
      `"vectors" holds one of space "${COLUMNS_SPACE}", which the vector columns are to make; leave one of both out`,
    )
  }
  const source = isObject(fields.metadata) ? fields.metadata : fields
  const missing = names.find((name) => !Object.hasOwn(source, name))
  if (missing !== undefined) {
    throw new EngineError(
      'INVALID_VECTOR',
      `there is no "${missing}" for the vector; fields found: ${Object.keys(source).join(', ') || 'none'}`,
    )
  }
  return { ...vectors, [COLUMNS_SPACE]: names.map((name) => vectorNumber(source[name], name)) }
}

/** Numbers that JSON gives exactly are taken for ids too. */
function idOf(value: unknown, column: string, needed: boolean): string | undefined {
  if (value === undefined || value === null) {
    if (needed) throw new EngineError('INVALID_ID', `there is no "${column}", which was chosen as the id`)
    return undefined
  }
  if (typeof value === 'string') return value
  if (Number.isSafeInteger(value)) return String(value)
  throw new EngineError(
    'INVALID_ID',
    `"${column}" is ${show(value)}, expected a string or an integer below 2^53`,
  )
}

function metadataOf(fields: Fields, known: ReadonlySet<string>): Metadata | undefined {
  const others = Object.keys(fields).filter((name) => !known.has(name))
  const given = fields.metadata
  if (given === undefined || given === null) {
    if (others.length === 0) return undefined
    // fromEntries, unlike assignment, takes "__proto__" for a name like any other; the engine then refuses it
    return Object.fromEntries([...metadataKeys(others)].map(([name, key]) => [key, fields[name]])) as Metadata
  }
  if (!isObject(given)) {
    throw new EngineError('INVALID_METADATA', `"metadata" is ${show(given)}, expected an object`)
  }
  if (others.length > 0) {
    throw new EngineError(
      'INVALID_REQUEST',
      `beside "metadata" there are unknown fields: ${others.join(', ')}; put them into it`,
    )
  }
  return given as Metadata
}

function vectorsOf(value: unknown): Record<string, number[]> {
  if (!isObject(value))
    throw new EngineError('INVALID_VECTOR', `"vectors" is ${show(value)}, expected { SPACE: [numbers] }`)
  for (const [space, vector] of Object.entries(value)) {
    if (!Array.isArray(vector)) {
      throw new EngineError(
        'INVALID_VECTOR',
        `the vector of space "${space}" is ${show(vector)}, expected numbers`,
      )
    }
    const bad = vector.findIndex(
      (number) => typeof number !== 'number' || !Number.isFinite(Math.fround(number)),
    )
    if (bad >= 0) {
      throw new EngineError(
        'INVALID_VECTOR',
        `the vector of space "${space}" holds ${show(vector[bad])} at position ${bad}, expected a finite float32 number`,
      )
    }
  }
  return value as Record<string, number[]>
}

/** @returns the bytes of base64 or of a data URL in base64 */
function pictureOf(value: unknown): Uint8Array {
  const base64 = typeof value === 'string' ? value.replace(/^data:[^,]*;base64,/, '') : ''
  if (base64 === '' || base64.length % 4 === 1 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) {
    throw new EngineError(
      'INVALID_IMAGE',
      `"image" is ${show(value)}, expected base64 or a data URL in base64`,
    )
  }
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.length <= LIMITS.imageBytes) return bytes
  throw new EngineError(
    'INVALID_IMAGE',
    `"image" has ${bytes.length} bytes, at most ${LIMITS.imageBytes} are taken`,
  )
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function show(value: unknown): string {
  const json = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value))
  return json.length > 60 ? `${json.slice(0, 60)}…` : json
}
