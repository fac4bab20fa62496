import { createHash } from 'node:crypto'

/** The longest function name that model providers accept; MCP itself allows 128 characters and dots. */
const LONGEST_NAME = 64
const CUT_AT = 55
const LONGEST_SERVER_NAME = 24

/** Starts with a letter; words are joined by one `_` or `-`, so `__` is either the separator or part of a tool's own name. */
const SERVER_NAME = /^[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)*$/

/** Whether a server may have this name: at most 24 characters, and no `__`. */
export function isServerName(name: string): boolean {
  return name.length <= LONGEST_SERVER_NAME && SERVER_NAME.test(name)
}

/** A tool or prompt of one server, under the server's own name for it. */
export interface Named {
  readonly server: string
  readonly name: string
  /** `false` lists the name without `server__`. */
  readonly prefix: boolean
}

/**
 * Maps the names that callers see to the items: `server__tool`, at most 64 characters of `[A-Za-z0-9_-]`, the same on every
 * run, sorted by name. Calls are routed by looking the name up; it is never split, because tool names may contain `__`.
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

/** Appends a hash of server and original name, so that names that became equal differ; cuts the name to make room for it. */
function hashedName(name: string, offer: Named): string {
  const hash = createHash('sha256').update(`${offer.server}\0${offer.name}`).digest('hex').slice(0, 8)
  return `${name.slice(0, CUT_AT)}_${hash}`
}
