const LONGEST = 100

/** A name that a caller made up, for a message: no message should be as long as whoever wrote the name likes. */
export function shortName(name: string): string {
  return name.length <= LONGEST ? name : `${name.slice(0, LONGEST)}…`
}
