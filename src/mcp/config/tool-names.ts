import { createHash } from 'node:crypto'

/** The longest function name that model providers accept; MCP itself allows 128 characters and dots. */
const MAX_NAME_LENGTH = 64
const CUT_LENGTH = 55
export const MAX_SERVER_NAME_LENGTH = 24

/** Starts with a letter; words are joined by one `_` or `-`, so `__` is either the separator or part of a tool's own name. */
const SERVER_NAME = /^[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)*$/

/** Whether a server may have this name: at most 24 characters, and no `__`. */
export function isServerName(name: string): boolean {
  return name.length <= MAX_SERVER_NAME_LENGTH && SERVER_NAME.test(name)
}

/** A tool or prompt of one server, under the server's own name for it. */
export interface NamedItem {
  readonly server: string
  readonly name: string
  /** `false` lists the name without `server__`. */
  readonly prefix: boolean
}

/**
 * Maps the names that callers see to the items: `server__tool`, at most 64 characters of `[A-Za-z0-9_-]`, the same on every
 * run, sorted by name. Calls are routed by looking the name up; it is never split, because tool names may contain `__`.
 */
export function nameTable<T extends NamedItem>(items: readonly T[]): ReadonlyMap<string, T> {
  const byName = new Map<string, T[]>()
  for (const item of items) {
    const name = baseName(item)
    byName.set(name, [...(byName.get(name) ?? []), item])
  }
  const named: [string, T][] = []
  for (const [name, namesakes] of byName) {
    for (const item of namesakes) named.push([namesakes.length > 1 ? hashedName(name, item) : name, item])
  }
  return new Map(named.sort(([a], [b]) => (a < b ? -1 : 1)))
}

function baseName(item: NamedItem): string {
  const own = item.name.replace(/[^A-Za-z0-9_-]/g, '_')
  const name = item.prefix ? `${item.server}__${own}` : own
  return name.length > MAX_NAME_LENGTH || name === '' ? hashedName(name, item) : name
}

/** Appends a hash of server and original name, so that names that became equal differ; cuts the name to make room for it. */
function hashedName(name: string, item: NamedItem): string {
  const hash = createHash('sha256').update(`${item.server}\0${item.name}`).digest('hex').slice(0, 8)
  return `${name.slice(0, CUT_LENGTH)}_${hash}`
}
