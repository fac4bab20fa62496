/** The value of a column. */
export type Cell = string | number | boolean | undefined

/**
 * A cell as RFC 4180 writes it, which no spreadsheet reads as a formula. A text gets an apostrophe before a sign that begins a
 * formula, at its start and wherever a spreadsheet may begin a new cell: one that expects semicolons or tabs ignores quotation marks
 * inside a line. Numbers stay as they are, as texts too.
 */
export function csvCell(cell: Cell): string {
  if (typeof cell !== 'string') return cell === undefined ? '' : String(cell)
  if (NUMBER.test(cell)) return cell
  const text = cell.replace(FORMULA_START, "$1$2'$3")
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const NUMBER = /^-?\d+(\.\d+)?$/

/**
 * What begins a formula: OWASP, “CSV Injection” (2024), and the full-width forms that spreadsheets take alike. Blanks, invisible
 * characters and quotation marks before it may be dropped on import.
 */
const FORMULA_START = /(^|[,;|\t\r\n])((?:(?![\t\r\n])[\p{Z}\p{C}"])*)([=+\-@\uFF1D\uFF0B\uFF0D\uFF20])/gu

const NEEDS_QUOTES = /[",;|\t\r\n]|^\s|\s$/
