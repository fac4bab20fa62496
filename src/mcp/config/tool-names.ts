import { createHash } from 'node:crypto'

/** What providers of models accept as a function's name; MCP itself would allow 128 characters and dots. */
const LONGEST_NAME = 64
const CUT_AT = 55
const LONGEST_SERVER_NAME = 24

/** Letters first, words joined by one `_` or `-`: so `__` can only ever be our separator or part of a tool's own name. */
const SERVER_NAME = /^[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)*$/

export function isServerName(name: string): boolean {
  return name.length <= LONGEST_SERVER_NAME && SERVER_NAME.test(name)
}

/** A thing that one server offers under a name of its own. */
export interface Named {
  readonly server: string
  readonly name: string
  /** `false` shows the name as the server gave it. */
  readonly prefix: boolean
}

/**
 * Gives every offer the name that callers see: `server__tool`, at most 64 characters of `[A-Za-z0-9_-]`, and the same
 * name on every run. Sorted by it. Routing looks the name up here; it is never taken apart, for tool names may hold `__`.
 */
export function nameTable<T extends Named>(offers: readonly T[]): ReadonlyMap<string, T> {
  const plain = new Map<string, T[]>()
  for (const offer of offers) {
    const name = plainName(offer)
    plain.set(name, [...(plain.get(name) ?? []), offer])
  }
  const named: [string, T][] = []
  for (const [name, rivals] of plain) {
    for (const offer of rivals) named.push([rivals.length > 1 ? hashedName(name, offer) : name, offer])
  }
  return new Map(named.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function plainName(offer: Named): string {
  const own = offer.name.replace(/[^A-Za-z0-9_-]/g, '_')
  const name = offer.prefix ? `${offer.server}__${own}` : own
  return name.length > LONGEST_NAME || name === '' ? hashedName(name, offer) : name
}

/** Cut to leave room for a hash of what the name stands for, so that two names that became equal differ again. */
function hashedName(name: string, offer: Named): string {
  const hash = createHash('sha256').update(`${offer.server}\0${offer.name}`).digest('hex').slice(0, 8)
  return `${name.slice(0, CUT_AT)}_${hash}`
}
