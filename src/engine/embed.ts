import { EngineError } from '../core/errors.js'
import type { TextRole } from '../core/text-encoder.js'
import type { Encoders } from '../encoders/registry.js'
import { checkText } from './prepare-item.js'
import { checkFields, invalid, show } from './requests.js'

/** Texts as vectors. */
export interface Embedded {
  /** The encoder's name. */
  encoder: string
  dim: number
  /** One for each text, in order. */
  vectors: Float32Array[]
  /** Tokens read of all texts together. */
  tokens: number
}

const EMBED_FIELDS: ReadonlySet<string> = new Set(['encoder', 'as', 'signal'])

/** Checks the texts, loads the encoder and encodes. */
export async function embedTexts(
  encoders: Pick<Encoders, 'load' | 'defaultName'>,
  texts: readonly string[],
  options: { encoder?: string; as?: TextRole; signal?: AbortSignal },
): Promise<Embedded> {
  checkFields(options, EMBED_FIELDS, 'options')
  const { encoder: name = encoders.defaultName(), as = 'passage', signal } = options
  if (!Array.isArray(texts)) throw invalid('texts', `texts must be an array of strings, got ${show(texts)}`)
  if (as !== 'query' && as !== 'passage') {
    throw invalid('as', `as must be "query" or "passage", got ${show(as)}`)
  }
  for (const [index, text] of texts.entries()) checkInput(text, index)
  const encoder = await encoders.load(name)
  const encoded = await encoder.encode(texts, { as, signal })
  return {
    encoder: name,
    dim: encoder.dim,
    vectors: encoded.map((text) => text.vector),
    tokens: encoded.reduce((sum, text) => sum + text.tokens, 0),
  }
}

function checkInput(text: unknown, index: number): void {
  try {
    checkText(text, `text ${index}`)
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    throw new EngineError(error.code, error.message, { details: { index, field: `texts[${index}]` } })
  }
}
