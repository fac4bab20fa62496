/**
 * Whether a file that was read again has lost all or most of what it held: such a file is rather cut off, empty or broken
 * than meant, so the last good one stays in use.
 */
export function losesMost(before: number, after: number): boolean {
  return after * 2 < before
}
