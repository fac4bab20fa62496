/** The `most` names nearest to what was typed, best first; only those near enough to be meant. */
export function nearestNames(typed: string, names: readonly string[], most: number): readonly string[] {
  const wanted = plain(typed)
  const far = Math.max(2, Math.floor(wanted.length / 3))
  return names
    .map((name) => ({ name, distance: nearness(wanted, plain(name)) }))
    .filter(({ distance }) => distance <= far)
    .sort((a, b) => a.distance - b.distance || a.name.length - b.name.length)
    .slice(0, most)
    .map(({ name }) => name)
}

/** Lower case, and without the author that OpenRouter's form puts in front. */
function plain(name: string): string {
  return name.toLowerCase().slice(0, 200).replace(/^.*\//, '')
}

/** A name that begins with what was typed is near, however long its tail. */
function nearness(typed: string, name: string): number {
  if (typed.length >= 3 && name.startsWith(typed)) return 1
  return editDistance(typed, name)
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
