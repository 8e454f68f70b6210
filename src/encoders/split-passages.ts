/** A part of a text, [start, end) in UTF-16 units. */
export interface Span {
  start: number
  end: number
}

export interface SplitOptions {
  /** Tokens of a text, without special ones. */
  count: (text: string) => number
  /** Tokens that a passage may have. */
  budget: number
  /** Which part of a passage is said again at the beginning of the next. Default 0.15. */
  overlap?: number
}

/** The smallest part that passages are put together from: a sentence, or some words of a long one. */
interface Atom extends Span {
  tokens: number
  /** Whether a sentence ends with it. */
  closes: boolean
}

/** A passage is no longer than so many UTF-16 units a token, whatever its tokens: it will be shown to people. */
const CHARACTERS_A_TOKEN = 16

// The language only matters to rules that English lacks; a fixed one makes borders the same on every machine.
const sentences = new Intl.Segmenter('en', { granularity: 'sentence' })
const words = new Intl.Segmenter('en', { granularity: 'word' })
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/**
 * Splits a text into overlapping passages of at most `budget` tokens. They begin and end at sentences where they
 * can, else between words, else between characters as people see them; together they cover the text, in order and
 * without holes. Each part of the text is tokenized about four times, whatever the text's length. A generator, so
 * that whoever splits a long text can do other things in between.
 */
export function* splitPassages(text: string, options: SplitOptions): Generator<Span, void, undefined> {
  const { count, budget } = options
  const shared = Math.floor(budget * (options.overlap ?? 0.15))
  const source = atomsOf(text, { count, budget, size: Math.max(1, shared) })
  const longest = budget * CHARACTERS_A_TOKEN
  /** Atoms from the beginning of the passage that is put together; the rest is still in `source`. */
  let held: Atom[] = []
  /** How many of them the passage before has already. */
  let repeated = 0
  let drained = false
  for (;;) {
    let tokens = 0
    let taken = 0
    for (; ; taken++) {
      if (taken === held.length && !drained) {
        const next = source.next()
        if (next.done) drained = true
        else held.push(next.value)
      }
      const atom = held[taken]
      const first = held[0]
      if (atom === undefined || first === undefined) break
      const fits = tokens + atom.tokens <= budget && (atom.tokens === 0 || atom.end - first.start <= longest)
      if (taken > 0 && !fits) break
      tokens += atom.tokens
    }
    if (taken === 0) return
    const ends = drained && taken === held.length
    if (!ends) taken = atSentence(held, taken, tokens, repeated)
    // tokens of a whole may differ from the sum over its parts
    while (taken > 1 && count(textOf(text, held, taken)) > budget) taken--
    if (taken <= repeated) {
      // with the repetition nothing new fits
      held = held.slice(repeated)
      repeated = 0
      continue
    }
    yield spanOf(held, taken)
    if (drained && taken === held.length) return
    const back = repetition(held, taken, shared)
    held = held.slice(taken - back)
    repeated = back
  }
}

/** Ends a passage after its last whole sentence, if it is at least half full then. */
function atSentence(atoms: readonly Atom[], taken: number, tokens: number, repeated: number): number {
  let left = tokens
  for (let end = taken; end > repeated + 1; end--) {
    const last = atoms[end - 1]
    if (last === undefined || left < tokens / 2) break
    if (last.closes) return end
    left -= last.tokens
  }
  return taken
}

/** How many of the last atoms are said again: as many as fit, from the beginning of a sentence if there is one. */
function repetition(atoms: readonly Atom[], taken: number, shared: number): number {
  let tokens = 0
  let back = 0
  let whole = 0
  while (back + 1 < taken) {
    const atom = atoms[taken - back - 1]
    if (atom === undefined || tokens + atom.tokens > shared) break
    tokens += atom.tokens
    back++
    if (atoms[taken - back - 1]?.closes) whole = back
  }
  return whole > 0 ? whole : back
}

function spanOf(atoms: readonly Atom[], taken: number): Span {
  return { start: atoms[0]?.start ?? 0, end: atoms[taken - 1]?.end ?? 0 }
}

function textOf(text: string, atoms: readonly Atom[], taken: number): string {
  const { start, end } = spanOf(atoms, taken)
  return text.slice(start, end)
}

interface AtomOptions {
  count: (text: string) => number
  budget: number
  /** Tokens up to which a sentence stays whole, and UTF-16 units that parts of a longer one have. */
  size: number
}

function* atomsOf(text: string, { count, budget, size }: AtomOptions): Generator<Atom, void, undefined> {
  for (const { segment, index } of sentences.segment(text)) {
    const tokens = segment.length <= size * CHARACTERS_A_TOKEN ? count(segment) : Number.POSITIVE_INFINITY
    const end = index + segment.length
    if (tokens <= size) {
      yield { start: index, end, tokens, closes: true }
      continue
    }
    for (const part of partsOf(segment, size)) {
      const span = { start: index + part.start, end: index + part.end }
      for (const atom of withinBudget(text, span, { count, budget }))
        yield { ...atom, closes: atom.end === end }
    }
  }
}

/** Cuts a long sentence into parts of about `size` UTF-16 units. */
function* partsOf(sentence: string, size: number): Generator<Span, void, undefined> {
  let start = 0
  let end = 0
  for (const { segment, index } of words.segment(sentence)) {
    if (end > start && index + segment.length - start > size) {
      yield { start, end }
      start = end
    }
    end = index + segment.length
    if (segment.length <= size) continue
    for (const grapheme of graphemes.segment(segment)) {
      const at = index + grapheme.index
      if (at > start && at + grapheme.segment.length - start > size) {
        yield { start, end: at }
        start = at
      }
    }
  }
  if (end > start) yield { start, end }
}

/** Halves what has more tokens than a passage may have, down to one code point. */
function* withinBudget(
  text: string,
  { start, end }: Span,
  options: { count: (text: string) => number; budget: number },
): Generator<Span & { tokens: number }, void, undefined> {
  // a grapheme may be of any length; what is longer than this is not worth counting whole
  const countable = end - start <= options.budget * CHARACTERS_A_TOKEN
  const tokens = countable ? options.count(text.slice(start, end)) : Number.POSITIVE_INFINITY
  let middle = start + Math.floor((end - start) / 2)
  if (isInsidePair(text, middle)) middle++
  if (tokens <= options.budget || middle <= start || middle >= end) {
    yield { start, end, tokens: Math.min(tokens, options.budget) }
    return
  }
  yield* withinBudget(text, { start, end: middle }, options)
  yield* withinBudget(text, { start: middle, end }, options)
}

function isInsidePair(text: string, at: number): boolean {
  return /^[\uD800-\uDBFF][\uDC00-\uDFFF]$/.test(text.slice(at - 1, at + 1))
}
