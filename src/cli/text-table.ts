import { boldMarks, type MarkedText, oneLineMarked } from './marked-text.js'

/** One column of a table: a title, and whether its cells stand at the right or take what width is left. */
export interface Column {
  title: string
  align?: 'left' | 'right'
  /** Shortened to the room that the other columns leave; at most one column. */
  flexible?: boolean
}

/**
 * Lays rows out in columns, two spaces between them, no line wider than `width` as far as the flexible column can
 * give way. Widths are those of a terminal: East Asian characters and emoji take two places. Marked words of the flexible
 * column are bold.
 */
export function textTable(
  columns: readonly Column[],
  rows: readonly (readonly (string | MarkedText)[])[],
  width: number,
): string {
  const marked = rows.map((row) => row.map(toLine))
  const cells = marked.map((row) => row.map(({ text }) => text))
  const widths = columns.map((column, i) =>
    Math.max(displayWidth(column.title), ...cells.map((row) => displayWidth(row[i] ?? ''))),
  )
  const flexible = columns.findIndex((column) => column.flexible)
  if (flexible >= 0) {
    const others = widths.reduce((sum, w, i) => (i === flexible ? sum : sum + w + 2), 0)
    widths[flexible] = Math.min(widths[flexible] ?? 0, Math.max(10, width - others))
  }
  const line = (row: readonly MarkedText[]): string =>
    columns
      .map((column, i) => {
        const cell = row[i] ?? { text: '', marks: [] }
        const shown = pad(shorten(cell.text, widths[i] ?? 0), widths[i] ?? 0, column.align)
        // a right-aligned cell does not begin where its text does
        return cell.marks.length > 0 && column.align !== 'right' ? boldMarks(shown, cell) : shown
      })
      .join('  ')
      .trimEnd()
  return [columns.map(({ title }) => ({ text: title, marks: [] })), ...marked].map(line).join('\n')
}

function toLine(cell: string | MarkedText): MarkedText {
  return typeof cell === 'string' ? { text: oneLine(cell), marks: [] } : oneLineMarked(cell)
}

/** Cuts a text to at most `width` places, with `…` where something is missing. */
export function shorten(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  let used = 0
  let cut = ''
  for (const { segment } of graphemes.segment(text)) {
    const next = displayWidth(segment)
    if (used + next > width - 1) break
    used += next
    cut += segment
  }
  return `${cut.trimEnd()}…`
}

/** A text on one line: whitespace becomes one space, control characters vanish (a terminal would obey them). */
export function oneLine(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/\p{Cc}/gu, '')
    .trim()
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u

/** Places that a text takes in a terminal. */
export function displayWidth(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: plain ASCII is the common, fast case
  if (/^[\x00-\x7f]*$/.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += WIDE.test(segment) ? 2 : 1
  return width
}

function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)))
  return align === 'right' ? space + text : text + space
}
