/** The `count` names most like `wanted`, best first; none that has little to do with it. For “did you mean”. */
export function nearest(names: Iterable<string>, wanted: string, count: number): string[] {
  const key = plain(wanted)
  const scored = [...names].map((name) => ({ name, distance: likeness(key, plain(name)) }))
  return scored
    .filter(({ distance }) => distance <= tolerated(key))
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, count)
    .map(({ name }) => name)
}

/** Case, punctuation and an author in front rarely matter to who mistyped a name. */
function plain(name: string): string {
  return name
    .slice(name.lastIndexOf('/') + 1)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
}

/** One name inside the other is near, and the nearer the less is left over. */
function likeness(wanted: string, name: string): number {
  const distance = editDistance(wanted, name)
  const isInside = wanted.length > 2 && name.length > 2 && (name.includes(wanted) || wanted.includes(name))
  return isInside ? Math.min(distance, 1 + distance / 100) : distance
}

function tolerated(wanted: string): number {
  return Math.max(2, Math.floor(wanted.length / 3))
}

/** Levenshtein's distance, one row at a time; long names are cut, for the time grows with the square. */
function editDistance(left: string, right: string): number {
  const from = left.slice(0, 64)
  const to = right.slice(0, 64)
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let line = 1; line <= from.length; line++) {
    const next = [line]
    for (let column = 1; column <= to.length; column++) {
      const swap = at(row, column - 1) + (from[line - 1] === to[column - 1] ? 0 : 1)
      next.push(Math.min(swap, at(row, column) + 1, at(next, column - 1) + 1))
    }
    row = next
  }
  return at(row, to.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY
}
