import { resolve } from 'node:path'
import type { CollectionRecord, SpaceRecord } from '../core/backend.js'
import { EngineError } from '../core/errors.js'
import { LIMITS } from '../core/limits.js'
import { type Metric, parseMetric } from '../core/metrics.js'
import { checkName } from '../core/names.js'
import type { Encoders } from '../encoders/registry.js'
import { columnsOf } from './fitted-settings.js'
import { checkFields, checkInteger, invalid, show } from './requests.js'

const OPTION_FIELDS: ReadonlySet<string> = new Set(['encoder', 'spaces', 'keywords', 'indexed'])
const SPACE_FIELDS: ReadonlySet<string> = new Set(['name', 'encoder', 'dim', 'metrics', 'columns'])

/** A space as it was asked for, before its encoder is loaded. */
export interface SpacePlan {
  name: string
  encoder: string | undefined
  dim: number | undefined
  metrics: Metric[]
  /** Names of the dimensions of vectors that the user brings. */
  columns: string[] | undefined
}

/**
 * Checks the options of a new collection and fills in the defaults.
 *
 * @param defaultEncoder of the space `text` that is made when no spaces are named
 * @throws EngineError INVALID_REQUEST naming the field, INVALID_NAME, METRIC_UNKNOWN
 */
export function planSpaces(input: unknown, defaultEncoder: string): SpacePlan[] {
  const options = checkFields(input ?? {}, OPTION_FIELDS, 'collection options')
  const encoder = checkEncoderName(options.encoder, 'encoder')
  if (options.spaces === undefined) {
    return [
      {
        name: 'text',
        encoder: encoder ?? defaultEncoder,
        dim: undefined,
        metrics: ['cosine'],
        columns: undefined,
      },
    ]
  }
  if (encoder !== undefined) {
    throw invalid('encoder', 'encoder and spaces cannot stand together; name the encoder in its space')
  }
  if (!Array.isArray(options.spaces) || options.spaces.length === 0) {
    throw invalid('spaces', `spaces must be an array of at least one space, got ${show(options.spaces)}`)
  }
  const plans = options.spaces.map((space: unknown, i) => planSpace(space, `spaces[${i}]`))
  const names = plans.map((plan) => plan.name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw invalid('spaces', `space "${twice}" is named twice`)
  return plans
}

function planSpace(input: unknown, field: string): SpacePlan {
  const space = checkFields(input, SPACE_FIELDS, field)
  const name = checkName(space.name, 'space')
  if (name === '__proto__') throw new EngineError('INVALID_NAME', 'space name "__proto__" is reserved')
  const encoder = checkEncoderName(space.encoder, `${field}.encoder`)
  const columns = checkColumns(space.columns, `${field}.columns`)
  if (columns !== undefined && encoder !== undefined) {
    throw invalid(`${field}.columns`, `space "${name}" has an encoder, whose dimensions have no names`)
  }
  const asked = space.dim === undefined ? undefined : checkInteger(space.dim, `${field}.dim`, 1, LIMITS.dim)
  const dim = asked ?? columns?.length
  if (columns !== undefined && columns.length !== dim) {
    throw invalid(
      `${field}.columns`,
      `space "${name}" has ${columns.length} columns and a dim of ${dim}; they must be as many, or leave dim out`,
    )
  }
  if (encoder === undefined && dim === undefined) {
    throw invalid(`${field}.dim`, `space "${name}" needs an encoder, or a dim for the vectors you bring`)
  }
  return { name, encoder, dim, metrics: checkMetrics(space.metrics, `${field}.metrics`), columns }
}

function checkColumns(value: unknown, field: string): string[] | undefined {
  if (value === undefined) return undefined
  if (!Array.isArray(value) || value.length === 0 || value.length > LIMITS.dim) {
    throw invalid(field, `${field} must be an array of 1 to ${LIMITS.dim} names, got ${show(value)}`)
  }
  const names = value.map((name: unknown) => {
    if (typeof name === 'string' && name !== '' && name.length <= LIMITS.fieldLength) return name
    throw invalid(
      field,
      `${field} must hold names of 1 to ${LIMITS.fieldLength} characters, got ${show(name)}`,
    )
  })
  if (new Set(names).size !== names.length) throw invalid(field, `${field} names a column twice`)
  return names
}

function checkEncoderName(value: unknown, field: string): string | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'string' && value !== '') return value
  throw invalid(field, `${field} must be an encoder's name, got ${show(value)}`)
}

function checkMetrics(value: unknown, field: string): Metric[] {
  if (value === undefined) return ['cosine']
  if (!Array.isArray(value) || value.length === 0) {
    throw invalid(field, `${field} must be an array of at least one metric, got ${show(value)}`)
  }
  const metrics = value.map((metric: unknown) => {
    if (typeof metric !== 'string') throw invalid(field, `${field} must hold strings, got ${show(metric)}`)
    return parseMetric(metric)
  })
  if (new Set(metrics).size !== metrics.length) throw invalid(field, `${field} names a metric twice`)
  return metrics
}

/**
 * Loads the encoders of planned spaces and takes dimension and identity from them.
 *
 * @throws EngineError ENCODER_NOT_FOUND, ENCODER_INVALID
 * @throws EngineError DIMENSION_MISMATCH where a dim was given that the encoder does not have
 */
export async function resolveSpaces(
  plans: readonly SpacePlan[],
  encoders: Pick<Encoders, 'load'>,
): Promise<SpaceRecord[]> {
  const records: SpaceRecord[] = []
  for (const { name, encoder: encoderName, dim, metrics, columns } of plans) {
    if (encoderName === undefined) {
      records.push({
        name,
        encoder: null,
        encoderName: null,
        dim: dim ?? 0,
        metrics,
        unit: false,
        input: 'vectors',
        version: 1,
        ...(columns ? { settings: { columns } } : {}),
      })
      continue
    }
    const encoder = await encoders.load(encoderName)
    if (dim !== undefined && dim !== encoder.dim) {
      const message = `space "${name}" asks for ${dim} dimensions, encoder "${encoderName}" has ${encoder.dim}; leave dim out`
      throw new EngineError('DIMENSION_MISMATCH', message, { details: { field: 'dim' } })
    }
    // its own name for it: a relative path would mean another folder elsewhere
    records.push({
      name,
      encoder: encoder.id,
      encoderName: encoder.name,
      dim: encoder.dim,
      metrics,
      unit: encoder.unit,
      input: 'text',
      version: 1,
    })
  }
  return records
}

/**
 * Refuses options that an existing collection was not made with.
 *
 * @throws EngineError ENCODER_MISMATCH, COLLECTION_EXISTS
 */
export function checkAgreement(record: CollectionRecord, plans: readonly SpacePlan[]): void {
  for (const plan of plans) {
    const space = record.spaces.find((known) => known.name === plan.name)
    if (space && !sameEncoder(space.encoderName, plan.encoder)) {
      const has = space.encoderName === null ? 'no encoder' : `encoder "${space.encoderName}"`
      const asked = plan.encoder === undefined ? 'none' : `"${plan.encoder}"`
      const message = `space "${space.name}" of collection "${record.name}" has ${has}, asked was ${asked}; leave the encoder out, or make another collection`
      throw new EngineError('ENCODER_MISMATCH', message, { details: { space: space.name } })
    }
    const same = space && (plan.dim ?? space.dim) === space.dim && sameColumns(space, plan.columns)
    // spaces of images come by themselves and by training
    const named = record.spaces.filter(({ input }) => input !== 'image')
    if (!same || named.length !== plans.length) {
      const spaces = record.spaces.map((known) => `${known.name} (${known.dim})`).join(', ')
      const message = `collection "${record.name}" exists with other spaces: ${spaces}; leave the options out to open it`
      throw new EngineError('COLLECTION_EXISTS', message, { details: { space: plan.name } })
    }
  }
}

/** Whether the dimensions have the names that were asked, if any were. */
function sameColumns(space: SpaceRecord, asked: string[] | undefined): boolean {
  if (asked === undefined) return true
  const has = columnsOf(space.settings)
  return has?.length === asked.length && asked.every((name, i) => name === has[i])
}

/** Whether a name, or the path of a folder, means the encoder that a space has. */
function sameEncoder(has: string | null, asked: string | undefined): boolean {
  if (has === null || asked === undefined) return has === null && asked === undefined
  return has === asked || has === resolve(asked)
}
