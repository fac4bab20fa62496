import type { Spread } from './spread.ts'

/** A text table. The first column is aligned to the left, the others to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all
    .map((row) =>
      widths
        .map((width, column) => {
          const cell = row[column] ?? ''
          return column === 0 ? cell.padEnd(width) : cell.padStart(width)
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** `14.2 (13.9–15.0)`, or a dash where nothing was measured. */
export function shown(value: Spread | undefined, digits = 1): string {
  if (value === undefined) return '–'
  const { median, min, max } = value
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`
}

export const brief = (value: Spread | undefined, digits = 1) =>
  value === undefined ? '–' : value.median.toFixed(digits)
