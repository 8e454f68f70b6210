import type { ModelOptions } from './model-settings.js'

/** The encoder of whoever asks for none. */
export const DEFAULT_ENCODER = 'all-MiniLM-L6-v2'

/** An encoder that is known by a name without owner. */
export interface KnownEncoder {
  /** Where the hub has it. */
  repo: string
  options: ModelOptions
}

/** The encoders that are bundled, or can be pulled by the same name where the package came without them. */
export const KNOWN_ENCODERS: Readonly<Record<string, KnownEncoder>> = {
  'all-MiniLM-L6-v2': { repo: 'Xenova/all-MiniLM-L6-v2', options: { maxTokens: 256 } },
  'multilingual-e5-small': {
    repo: 'Xenova/multilingual-e5-small',
    options: { prompts: { query: 'query: ', passage: 'passage: ' } },
  },
}

/**
 * Options that a model's card asks for and no file of its folder says: the E5 family reads every text after a
 * prompt.
 */
export function usualOptions(repo: string): ModelOptions {
  const e5 = /(^|[/-])e5-(small|base|large)(-|$)/i.test(repo) && !/instruct/i.test(repo)
  return e5 ? { prompts: { query: 'query: ', passage: 'passage: ' } } : {}
}
