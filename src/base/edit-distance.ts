/** Longer texts are cut: the time grows with the square, and nobody mistypes a name of ours at such length. */
export const LONGEST = 200

/** How many letters must be put in, taken out or changed to make one text of the other (Levenshtein). */
export function editDistance(one: string, other: string): number {
  const from = one.slice(0, LONGEST)
  const to = other.slice(0, LONGEST)
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let line = 1; line <= from.length; line++) {
    const next = [line]
    for (let column = 1; column <= to.length; column++) {
      const changed = at(row, column - 1) + (from[line - 1] === to[column - 1] ? 0 : 1)
      next.push(Math.min(changed, at(row, column) + 1, at(next, column - 1) + 1))
    }
    row = next
  }
  return at(row, to.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY
}
