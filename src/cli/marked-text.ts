/** A text with words to be marked: [start, end) in UTF-16 units, in order, not overlapping. */
export interface MarkedText {
  text: string
  marks: readonly (readonly [start: number, end: number])[]
}

const BOLD = '\u001b[1m'
const PLAIN = '\u001b[22m'

/**
 * A text on one line, its marks moved with it: whitespace becomes one space, control characters vanish (a terminal would
 * obey them).
 */
export function oneLineMarked({ text, marks }: MarkedText): MarkedText {
  let line = ''
  /** Where each unit of the text has gone. */
  const moved: number[] = []
  for (let at = 0; at < text.length; at++) {
    moved.push(line.length)
    const unit = text[at] ?? ''
    if (/\s/.test(unit)) line += line === '' || line.endsWith(' ') ? '' : ' '
    else if (!/\p{Cc}/u.test(unit)) line += unit
  }
  moved.push(line.length)
  return {
    text: line.trimEnd(),
    marks: marks.map(([start, end]) => [moved[start] ?? line.length, moved[end] ?? line.length] as const),
  }
}

/**
 * Writes the marks into what is shown of a text.
 *
 * @param shown begins like the text; what was cut off is replaced by `…` and spaces
 */
export function boldMarks(shown: string, { text, marks }: MarkedText): string {
  const same = commonLength(shown, text)
  let bold = ''
  let at = 0
  for (const [start, end] of marks) {
    if (start >= same) break
    const until = Math.min(end, same)
    bold += `${shown.slice(at, start)}${BOLD}${shown.slice(start, until)}${PLAIN}`
    at = until
  }
  return bold + shown.slice(at)
}

function commonLength(a: string, b: string): number {
  let length = 0
  while (length < a.length && length < b.length && a[length] === b[length]) length++
  return length
}
