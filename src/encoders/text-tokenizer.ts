import { readFileSync } from 'node:fs'
import { Tokenizer } from '@huggingface/tokenizers'
import { EngineError } from '../core/errors.js'
import type { TextRole } from '../core/text-encoder.js'
import type { ModelFolder } from './model-folder.js'

/** A text as the model reads it. */
export interface TokenizedText {
  /** Special tokens and prompt included, at most `maxTokens`. */
  ids: number[]
  /** Whether the text went on beyond what is read. */
  cut: boolean
}

/**
 * Characters a token stands for at the most, by experience; a text that is longer than this many a token is
 * tokenized from its beginning only, as far as needed.
 */
const CHARACTERS_A_TOKEN = 8

/** Tokens near a cut may differ from those of the whole text; so many are read beyond it. */
const MARGIN = 32

/**
 * Turns texts into token ids. Padding and truncation of tokenizer.json are not used: a text is never padded here,
 * and cut at `maxTokens` of the settings.
 */
export class TextTokenizer {
  readonly maxTokens: number
  readonly #tokenizer: Tokenizer
  readonly #prompts: Record<TextRole, string>
  readonly #before: number[]
  readonly #after: number[]

  private constructor(tokenizer: Tokenizer, { maxTokens, prompts }: ModelFolder['settings']) {
    this.#tokenizer = tokenizer
    this.#prompts = prompts
    this.maxTokens = maxTokens
    const bare = this.#ids('a')
    const whole: number[] = tokenizer.encode('a').ids
    const at = whole.findIndex((_, i) => bare.every((id, j) => whole[i + j] === id))
    this.#before = whole.slice(0, Math.max(0, at))
    this.#after = whole.slice(Math.max(0, at) + bare.length)
    for (const role of ['query', 'passage'] as const) {
      if (this.budget(role) < 6)
        throw new EngineError(
          'ENCODER_INVALID',
          `maxTokens ${maxTokens} leaves ${this.budget(role)} tokens for the text of a ${role}, expected at least 6`,
        )
    }
  }

  /** Reads the files; takes about 30 ms for 30,000 words and 2 s for 250,000. @throws EngineError ENCODER_INVALID */
  static load(model: Pick<ModelFolder, 'tokenizer' | 'tokenizerConfig' | 'settings'>): TextTokenizer {
    const { tokenizer, tokenizerConfig } = model
    try {
      const config = tokenizerConfig ? JSON.parse(readFileSync(tokenizerConfig, 'utf8')) : {}
      return new TextTokenizer(
        new Tokenizer(JSON.parse(readFileSync(tokenizer, 'utf8')), config),
        model.settings,
      )
    } catch (error) {
      if (error instanceof EngineError) throw error
      const reason = error instanceof Error ? error.message : String(error)
      throw new EngineError('ENCODER_INVALID', `${tokenizer} cannot be read: ${reason}`, { cause: error })
    }
  }

  /** Tokens that are left for the text itself. */
  budget(role: TextRole): number {
    const prompt = this.#prompts[role]
    return (
      this.maxTokens - this.#before.length - this.#after.length - (prompt === '' ? 0 : this.count(prompt))
    )
  }

  /** Tokens of a text, without special ones and prompt; in linear time, so give it short texts. */
  count(text: string): number {
    return this.#ids(text).length
  }

  tokenize(text: string, role: TextRole): TokenizedText {
    const limit = this.maxTokens - this.#before.length - this.#after.length
    const { ids, cut } = this.#upTo(this.#prompts[role] + text, limit)
    const whole = [...this.#before, ...ids, ...this.#after]
    // a model cannot read nothing
    return { ids: whole.length === 0 ? [0] : whole, cut }
  }

  #ids(text: string): number[] {
    return this.#tokenizer.encode(text, { add_special_tokens: false }).ids
  }

  #upTo(text: string, limit: number): TokenizedText {
    // doubling reads at most twice the text, and a long text hardly beyond what is needed
    for (let length = limit * CHARACTERS_A_TOKEN; length < text.length; length *= 2) {
      const ids = this.#ids(text.slice(0, length).toWellFormed())
      if (ids.length >= limit + MARGIN) return { ids: ids.slice(0, limit), cut: true }
    }
    const ids = this.#ids(text.toWellFormed())
    return { ids: ids.slice(0, limit), cut: ids.length > limit }
  }
}
