/** Up to three of `names` that somebody who wrote `name` may have meant, the nearest first. */
export function nearestNames(name: string, names: readonly string[]): string[] {
  const wanted = name.toLowerCase().slice(0, MAX_LENGTH)
  return names
    .map((candidate) => ({ candidate, distance: distance(wanted, candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= candidate.length / 2 || shareWord(wanted, candidate))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate)
}

/** Nobody means a method with a name much longer than ours; this bounds the work. */
const MAX_LENGTH = 64

/** `list_models` and `models.list` are far apart letter by letter. */
function shareWord(a: string, b: string): boolean {
  const words = new Set(b.toLowerCase().split(/[^a-z]+/))
  return a.split(/[^a-z]+/).some((word) => word !== '' && words.has(word))
}

/** How many letters must be put in, taken out or changed (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let up = 0; up < a.length; up++) {
    const next = [up + 1]
    for (let at = 1; at <= b.length; at++) {
      const change = (row[at - 1] ?? 0) + (a[up] === b[at - 1] ? 0 : 1)
      next.push(Math.min(change, (row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
