export type Cell = string | number | boolean | undefined

/** A cell by RFC 4180. A text that a spreadsheet would read as a formula gets an apostrophe in front. */
export function csvCell(cell: Cell): string {
  if (typeof cell !== 'string') return cell === undefined ? '' : String(cell)
  const text = /^[=+@\t\r]|^-(?![\d.])/.test(cell) ? `'${cell}` : cell
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
