/** Whether a name matches one of the patterns, in which `*` matches any text. */
export function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => matchesPattern(pattern, name))
}

/** Scans both once and backtracks only to the last `*`, so that no pattern takes exponential time as a regular expression can. */
function matchesPattern(pattern: string, name: string): boolean {
  let p = 0
  let n = 0
  let star = -1
  let resume = 0
  while (n < name.length) {
    if (pattern[p] === '*') {
      star = p++
      resume = n
    } else if (pattern[p] === name[n]) {
      p++
      n++
    } else if (star >= 0) {
      p = star + 1
      n = ++resume
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

/** Whether a pattern matches some name that begins with `prefix`. */
export function mayMatchPrefix(pattern: string, prefix: string): boolean {
  let positions = new Set([0])
  for (const character of prefix) {
    const next = new Set<number>()
    for (const start of positions) {
      let at = start
      for (; pattern[at] === '*'; at++) next.add(at)
      if (pattern[at] === character) next.add(at + 1)
    }
    positions = next
  }
  return positions.size > 0
}

/** Whether a pattern matches every name that begins with `prefix`. */
export function matchesPrefix(pattern: string, prefix: string): boolean {
  return pattern.endsWith('*') && matchesPattern(pattern, prefix)
}
