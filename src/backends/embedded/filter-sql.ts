import { EngineError } from '../../core/errors.js'
import { arrayIndex } from '../../core/field-values.js'
import type { AnomalyPart, Condition, Filter, FilterField, Ordering } from '../../core/filter.js'
import type { Json } from '../../core/types.js'

/** A part of a statement with what is bound to it, by name. */
export interface SqlPart {
  sql: string
  parameters: Record<string, SqlValue>
}

export type SqlValue = string | number | bigint | null

/** Conditions on fields within fields: SQLite takes about 255 recursive subqueries in one statement (its 3.54). */
const MOST_WALKS = 200

/** SQL of a filter and of what it stands beside. */
interface Place {
  /** Counts a recursive subquery. @throws EngineError INVALID_FILTER for too many */
  walk(): void
  /** Binds a value. @returns how the SQL calls it */
  bind(value: SqlValue): string
  judges: Judges
}

/** Conditions on a candidate: its type as `json_type` says it, and its value, both as SQL. */
type Test = (type: string, value: string) => string

const ORDER_SQL: Record<Ordering, string> = { gt: '>', gte: '>=', lt: '<', lte: '<=' }
const NUMBER = `IN ('integer', 'real')`
const SCORE_SQL: Record<AnomalyPart, string> = {
  ...{ score: 'a.score', percentile: 'a.percentile', flagged: 'a.flagged' },
  pValue: '1 - a.percentile / 100',
}
const VERDICT_SQL: Record<AnomalyPart, string> = {
  ...{ score: 'a.score', pValue: 'a.p_value', flagged: 'a.flagged' },
  percentile: '100 * (1 - a.p_value)',
}
const FALSE = '0'
const TRUE = '1'

/** Whose judgements `$anomaly` means, by space. */
export interface Judges {
  /** The key of each space's current encoder version. */
  encoderKeys: Record<string, number>
  /** The key of each space's current detection, where it has one. */
  detectionKeys: Record<string, number>
}

/**
 * A filter as an SQL expression over a row of `items` that is 1 or 0, never NULL. It means what `src/query/matches.ts`
 * means. Nothing that a user wrote is in the SQL: names and values are all bound.
 *
 * @param judges whose judgements `$anomaly` looks at, by space
 * @throws EngineError INVALID_FILTER for more than 200 conditions on fields within fields
 */
export function filterSql(filter: Filter, judges: Judges): SqlPart {
  const parameters: Record<string, SqlValue> = {}
  const known = new Map<SqlValue, string>()
  const bind = (value: SqlValue): string => {
    let name = known.get(value)
    if (name === undefined) {
      name = `f${known.size}`
      known.set(value, name)
      parameters[name] = value
    }
    return `@${name}`
  }
  let walks = 0
  const walk = (): void => {
    walks++
    if (walks <= MOST_WALKS) return
    throw new EngineError(
      'INVALID_FILTER',
      `the filter has more than ${MOST_WALKS} conditions on fields within fields, such as "a.b"; ask in parts, or with $in`,
    )
  }
  return { sql: toSql(filter, { bind, judges, walk }), parameters }
}

function toSql(filter: Filter, place: Place): string {
  switch (filter.op) {
    case 'and':
    case 'or': {
      const parts = filter.of.map((part) => toSql(part, place))
      return balanced(parts, filter.op === 'and' ? 'AND' : 'OR', filter.op === 'and' ? TRUE : FALSE)
    }
    case 'not':
      return `NOT ${toSql(filter.of, place)}`
    default:
      return `(${conditionSql(filter, place)})`
  }
}

/** Joined as a balanced tree: SQLite bounds how deep an expression may be. */
function balanced(parts: readonly string[], join: 'AND' | 'OR', none: string): string {
  if (parts.length <= 1) return parts[0] ?? none
  const middle = parts.length >> 1
  return `(${balanced(parts.slice(0, middle), join, none)} ${join} ${balanced(parts.slice(middle), join, none)})`
}

function conditionSql(condition: Condition, place: Place): string {
  const { field } = condition
  switch (condition.op) {
    case 'exists':
      return candidateSql(field, place, { whole: () => TRUE, element: undefined, missing: false })
    case 'eq': {
      const test = equalTest(condition.value, place)
      return candidateSql(field, place, { whole: test, element: test, missing: condition.value === null })
    }
    case 'in': {
      const test = memberTest(condition.values, place)
      const missing = condition.values.includes(null)
      return candidateSql(field, place, { whole: test, element: test, missing })
    }
    case 'contains': {
      const { value } = condition
      const within = typeof value === 'string' ? place.bind(value) : undefined
      const whole: Test = (type, found) =>
        within === undefined ? FALSE : `(${type} = 'text' AND instr(${found}, ${within}) > 0)`
      return candidateSql(field, place, { whole, element: equalTest(value, place), missing: false })
    }
    default: {
      const test = orderTest(condition.op, condition.value, place)
      return candidateSql(field, place, { whole: test, element: test, missing: false })
    }
  }
}

/** What must hold of what stands at a field's end: of it, of an element where it is an array, or of its being missing. */
interface Candidates {
  whole: Test
  element: Test | undefined
  missing: boolean
}

function candidateSql(field: FilterField, place: Place, candidates: Candidates): string {
  const { whole, missing } = candidates
  if (field.kind === 'id') return whole(`'text'`, 'items.id')
  if (field.kind === 'anomaly') {
    const found = judgementSql(field, place)
    if (found === undefined) return missing ? TRUE : FALSE
    const type = field.part === 'flagged' ? `CASE ${found} WHEN 1 THEN 'true' ELSE 'false' END` : `'real'`
    return `CASE WHEN ${found} IS NULL THEN ${missing ? TRUE : FALSE} ELSE ${whole(`(${type})`, found)} END`
  }
  const { path } = field
  if (!path.every(isPlainStep)) return walkSql(path, place, candidates)
  const at = place.bind(jsonPath(path))
  const type = `json_type(items.metadata, ${at})`
  const value = `json_extract(items.metadata, ${at})`
  const ofElement = candidates.element && elementSql(`json_each(items.metadata, ${at})`, candidates.element)
  const array = balanced([whole(`'array'`, value), ...(ofElement ? [ofElement] : [])], 'OR', FALSE)
  return `CASE ifnull(${type}, '') WHEN 'array' THEN ${array} WHEN '' THEN ${absentSql(path, place, candidates)}
    ELSE ${whole(type, value)} END`
}

/** What a detection's verdict, or an encoder, says of an item; undefined where there is neither. */
function judgementSql(
  { space, detector, part }: Extract<FilterField, { kind: 'anomaly' }>,
  { judges, bind }: Place,
): string | undefined {
  const detection = judges.detectionKeys[space]
  if (detection !== undefined && detector === 'verdict') {
    return `(SELECT ${VERDICT_SQL[part]} FROM judgements a WHERE a.detection = ${bind(detection)}
      AND a.item = items.key AND a.detector = 'verdict')`
  }
  const encoder = judges.encoderKeys[space]
  if (encoder === undefined) return undefined
  return `(SELECT ${SCORE_SQL[part]} FROM anomalies a WHERE a.encoder = ${bind(encoder)}
    AND a.detector = ${bind(detector)} AND a.item = items.key)`
}

/** Where a JSON path found nothing: missing, unless an array is on the way, into which JSON paths do not lead. */
function absentSql(path: readonly string[], place: Place, candidates: Candidates): string {
  const missing = candidates.missing ? TRUE : FALSE
  if (path.length === 1) return missing
  const arrays = path
    .slice(1)
    .map(
      (_, i) =>
        `ifnull(json_type(items.metadata, ${place.bind(jsonPath(path.slice(0, i + 1)))}), '') = 'array'`,
    )
  return `CASE WHEN ${balanced(arrays, 'OR', FALSE)} THEN ${walkSql(path, place, candidates)} ELSE ${missing} END`
}

/** Any name in any metadata: walks `depth` by `depth` through objects, positions and elements, as `valuesAt` does. */
function walkSql(path: readonly string[], place: Place, { whole, element, missing }: Candidates): string {
  place.walk()
  const steps = place.bind(JSON.stringify(path))
  const positions = place.bind(JSON.stringify(path.map((step) => arrayIndex(step) ?? null)))
  const end = place.bind(path.length)
  const step = `json_extract(${steps}, '$[' || w.depth || ']')`
  const position = `json_extract(${positions}, '$[' || w.depth || ']')`
  const inside = `json_each(CASE WHEN w.type IN ('object', 'array') THEN w.value END)`
  const walk = `WITH RECURSIVE w(depth, type, value) AS (
    SELECT 0, 'object', items.metadata
    UNION ALL SELECT w.depth + 1, c.type, c.value FROM w, ${inside} c
      WHERE w.depth < ${end} AND c.key = CASE w.type WHEN 'object' THEN ${step} ELSE ${position} END
    UNION ALL SELECT w.depth, c.type, c.value FROM w, ${inside} c
      WHERE w.depth < ${end} AND w.type = 'array' AND c.type = 'object')`
  const ofWhole = whole('w.type', 'w.value')
  const ofElement =
    element &&
    `(w.type = 'array' AND ${elementSql(`json_each(CASE w.type WHEN 'array' THEN w.value END)`, element)})`
  const found = `(w.depth = ${end} AND ${balanced([ofWhole, ...(ofElement ? [ofElement] : [])], 'OR', FALSE)})`
  const lost = `(w.depth < ${end} AND w.type <> 'array'
    AND (w.type <> 'object' OR NOT EXISTS (SELECT 1 FROM ${inside} c WHERE c.key = ${step})))`
  return `EXISTS (${walk} SELECT 1 FROM w WHERE ${missing ? `${found} OR ${lost}` : found})`
}

function elementSql(elements: string, test: Test): string {
  return `EXISTS (SELECT 1 FROM ${elements} e WHERE ${test('e.type', 'e.value')})`
}

function equalTest(value: Json, { bind }: Place): Test {
  switch (typeof value) {
    case 'string':
      return (type, found) => `(${type} = 'text' AND ${found} = ${bind(value)})`
    case 'number':
      return (type, found) => `(${type} ${NUMBER} AND ${found} = ${bind(exactNumber(value))})`
    case 'boolean':
      return (type) => `${type} = '${value ? 'true' : 'false'}'`
    default: {
      if (value === null) return (type) => `${type} = 'null'`
      const kind = Array.isArray(value) ? 'array' : 'object'
      return (type, found) => `(${type} = '${kind}' AND ${found} = ${bind(JSON.stringify(value))})`
    }
  }
}

function orderTest(op: Ordering, bound: number | string | boolean, { bind }: Place): Test {
  const sign = ORDER_SQL[op]
  switch (typeof bound) {
    case 'string':
      return (type, found) => `(${type} = 'text' AND ${found} ${sign} ${bind(bound)})`
    case 'number':
      return (type, found) => `(${type} ${NUMBER} AND ${found} ${sign} ${bind(exactNumber(bound))})`
    case 'boolean':
      return (type) =>
        `CASE ${type} WHEN 'true' THEN 1 ${sign} ${Number(bound)} WHEN 'false' THEN 0 ${sign} ${Number(bound)} ELSE 0 END`
  }
}

/** Each kind of value is looked up in a list that SQLite makes an index of. */
function memberTest(values: readonly Json[], { bind }: Place): Test {
  const strings: string[] = []
  const numbers: number[] = []
  const deep: string[] = []
  const types = new Set<string>()
  for (const value of values) {
    if (typeof value === 'string') strings.push(value)
    else if (typeof value === 'number') numbers.push(value)
    else if (typeof value === 'object' && value !== null) deep.push(JSON.stringify(value))
    else types.add(String(value))
  }
  const oneOf = (list: readonly Json[], found: string): string =>
    `${found} IN (SELECT value FROM json_each(${bind(JSON.stringify(list))}))`
  return (type, found) =>
    balanced(
      [
        ...[...types].map((known) => `${type} = '${known}'`),
        ...(strings.length > 0 ? [`(${type} = 'text' AND ${oneOf(strings, found)})`] : []),
        ...(numbers.length > 0 ? [`(${type} ${NUMBER} AND ${oneOf(numbers, found)})`] : []),
        ...(deep.length > 0 ? [`(${type} IN ('array', 'object') AND ${oneOf(deep, found)})`] : []),
      ],
      'OR',
      FALSE,
    )
}

/**
 * A number as SQLite reads it from JSON: whole ones that JSON writes without an exponent as 64-bit integers, which differ
 * from the double above 2^53.
 */
function exactNumber(value: number): number | bigint {
  const text = JSON.stringify(value)
  if (Number.isSafeInteger(value) || !/^-?\d+$/.test(text)) return value
  const exact = BigInt(text)
  return exact === BigInt.asIntN(64, exact) ? exact : value
}

/** Whether a step stands in JSON as it is, so that a quoted JSON path finds it. */
function isPlainStep(step: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON escapes them
  return !/["\\\u0000-\u001f]/.test(step)
}

function jsonPath(path: readonly string[]): string {
  return `$${path.map((step) => `."${step}"`).join('')}`
}
