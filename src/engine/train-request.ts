import { LIMITS } from '../core/limits.js'
import { checkName } from '../core/names.js'
import type { FitRequest } from './fit-job.js'
import { checkFields, checkInteger, invalid, show } from './requests.js'

/** Which encoder to train on a collection's pictures, and how; what is left out is chosen from the pictures. */
export interface TrainOptions {
  /** `pca`: linear, exact, quick. `autoencoder`: reconstructs best. `vae`: a smooth latent space to sample from. */
  encoder: 'pca' | 'autoencoder' | 'vae'
  /** Where its vectors go; a new version replaces the one that is there. Default: a space named like the encoder. */
  space?: string
  /** Dimensions of the latent space, 1 to 1,024. More reconstructs better and separates strangers worse. Default 32, fewer for few pictures. */
  dim?: number
  /** Side of the square that pictures are brought to, 4 to 128 pixels. Larger sees more and costs its square. Default: from the pictures. */
  size?: number
  /** 1 (grey) or 3. Default: 1 if all pictures are grey. */
  channels?: 1 | 3
  /** Passes over the pictures, at most 1,000; it ends earlier when the held-out loss stops improving. Default: from their number. */
  epochs?: number
  /** Weight of the VAE's KL term, 0 to 100. More makes the latent space smoother and pictures blurrier. Default 1. */
  beta?: number
  /** Share of noise added to what the encoder sees, 0 to 1. Default: 0 but for what its encoder finds best. */
  denoise?: number
  /** Of all randomness; the same seed on the same pictures gives the same encoder. Default 1. */
  seed?: number
  /** What computes: ONNX Runtime, or tfjs-node where it is installed. Default `onnx`. */
  engine?: 'onnx' | 'tfjs-node'
}

export const TRAINABLE = ['pca', 'autoencoder', 'vae'] as const
export const ENGINES = ['onnx', 'tfjs-node'] as const
const FIELDS: ReadonlySet<string> = new Set([
  'encoder',
  'space',
  'dim',
  'size',
  'channels',
  'epochs',
  'beta',
  'denoise',
  'seed',
  'engine',
])
const OF_NETWORKS = ['epochs', 'beta', 'denoise', 'engine'] as const

/** @throws EngineError INVALID_REQUEST naming the field, INVALID_NAME */
export function checkTrain(input: unknown): FitRequest {
  const options = checkFields(input, FIELDS, 'train options')
  const kind = oneOf(options.encoder, TRAINABLE, 'encoder')
  const request: FitRequest = {
    kind,
    space: options.space === undefined ? kind : checkName(options.space, 'space'),
    job: 'train',
  }
  const pointless = OF_NETWORKS.find((name) => kind === 'pca' && options[name] !== undefined)
  if (pointless) throw invalid(pointless, `${pointless} is not of encoder "pca", which is fitted exactly`)
  if (options.beta !== undefined && kind !== 'vae') throw invalid('beta', 'beta is of encoder "vae" only')
  if (options.dim !== undefined) request.dim = checkInteger(options.dim, 'dim', 1, 1_024)
  if (options.size !== undefined) request.size = checkInteger(options.size, 'size', 4, LIMITS.trainingSide)
  if (options.channels !== undefined) {
    if (options.channels !== 1 && options.channels !== 3) {
      throw invalid('channels', `channels must be 1 (grey) or 3, got ${show(options.channels)}`)
    }
    request.channels = options.channels
  }
  if (options.epochs !== undefined) request.epochs = checkInteger(options.epochs, 'epochs', 1, 1_000)
  if (options.beta !== undefined) request.beta = numberIn(options.beta, 'beta', 0, 100)
  if (options.denoise !== undefined) request.denoise = numberIn(options.denoise, 'denoise', 0, 1)
  if (options.seed !== undefined) request.seed = checkInteger(options.seed, 'seed', 0, 2 ** 32 - 1)
  if (options.engine !== undefined) request.engine = oneOf(options.engine, ENGINES, 'engine')
  return request
}

function oneOf<T extends string>(value: unknown, known: readonly T[], field: string): T {
  const found = known.find((name) => name === value)
  if (found !== undefined) return found
  throw invalid(field, `${field} must be ${known.map((name) => `"${name}"`).join(', ')}; got ${show(value)}`)
}

function numberIn(value: unknown, field: string, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value
  throw invalid(field, `${field} must be a number from ${min} to ${max}, got ${show(value)}`)
}
