/**
 * The ids under which callers know answers that pass through verbatim. They carry the id of the router that gave them;
 * the ledger knows them by ours.
 */
export interface UpstreamIds {
  note(theirs: string, ours: string): void
  /** Our id for one of theirs; any other id is given back. */
  ours(id: string): string
}

/** Whoever looks an answer up does so soon; older ones are found by the id in `X-Generation-Id`. */
const REMEMBERED = 10_000

export function createUpstreamIds(): UpstreamIds {
  const known = new Map<string, string>()
  return {
    note(theirs, ours) {
      known.set(theirs, ours)
      const [oldest] = known.keys()
      if (known.size > REMEMBERED && oldest !== undefined) known.delete(oldest)
    },
    ours: (id) => known.get(id) ?? id,
  }
}
