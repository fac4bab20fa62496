/** Something that has waited for the end of the turn. */
export interface Late {
  turnEnds(): void
}

let late: Late[] = []

/**
 * Calls it once this turn of the event loop has read all that there is to read. Writing answers one after the other then
 * costs less than writing each when it comes: a peer that sleeps is woken for the first of them and finds the others.
 * Measured with 32 callers: 89 instead of 103 µs per request. (Redis writes its replies before it sleeps, too.)
 */
export function atTurnsEnd(one: Late): void {
  if (late.push(one) === 1) setImmediate(endTurn)
}

function endTurn(): void {
  const all = late
  late = []
  for (const one of all) one.turnEnds()
}
