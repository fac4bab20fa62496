import { paint, print, widthOf, withoutControls } from './terminal.ts'
import type { Terminal } from './terminal.ts'

/** One column of a table. */
export interface Column {
  readonly title: string
  readonly align?: 'right' | undefined
  /** Is cut first when the table is wider than the screen. */
  readonly shrinks?: boolean | undefined
}

const GAP = '  '
const MIN_COLUMN_WIDTH = 8

/** Prints a table with a bold header; rows for which `isDim` is true are dimmed. */
export function printTable(
  terminal: Terminal,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  isDim: (row: number) => boolean = () => false,
): void {
  const [header = '', ...lines] = tableLines(columns, rows, widthOf(terminal))
  print(terminal, paint(terminal, 'bold', header))
  for (const [at, line] of lines.entries()) print(terminal, isDim(at) ? paint(terminal, 'dim', line) : line)
}

/** The lines of a table, its header first. Shrinking columns are cut until a line fits into `width`. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const lines = [columns.map(({ title }) => title), ...rows.map((row) => row.map(onOneLine))]
  const natural = columns.map((_column, at) =>
    lines.reduce((max, line) => Math.max(max, (line[at] ?? '').length), 0),
  )
  const widths = shrinkColumns(columns, natural, width)
  return lines.map((row) =>
    columns
      .map((column, at) => cell(row[at] ?? '', widths[at] ?? 0, column.align))
      .join(GAP)
      .trimEnd(),
  )
}

/** Cells may hold control characters and line breaks, because names come from files, providers and callers. */
function onOneLine(text: string): string {
  return withoutControls(text.replace(/[\t\r\n]+/g, ' '))
}

function shrinkColumns(columns: readonly Column[], natural: readonly number[], width: number): number[] {
  const widths = [...natural]
  let excess = widths.reduce((sum, one) => sum + one, GAP.length * (widths.length - 1)) - width
  // Shrink the last columns first, because the first ones hold the names.
  for (let at = columns.length - 1; at >= 0 && excess > 0; at--) {
    if (columns[at]?.shrinks !== true) continue
    const narrower = Math.max(MIN_COLUMN_WIDTH, (widths[at] ?? 0) - excess)
    excess -= Math.max(0, (widths[at] ?? 0) - narrower)
    widths[at] = Math.min(narrower, widths[at] ?? 0)
  }
  return widths
}

function cell(text: string, width: number, align: Column['align']): string {
  const short = text.length > width ? `${text.slice(0, width - 1)}…` : text
  return align === 'right' ? short.padStart(width) : short.padEnd(width)
}
