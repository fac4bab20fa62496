import { isIPv4, isIPv6 } from 'node:net'

/** The address of a caller on a Unix socket, unless a front end forwards another one. */
export const LOCAL = 'local'

/**
 * The canonical form of an IP address, used by ledger and limits: IPv4 dotted, IPv6 as RFC 5952 writes it, an IPv4
 * address inside IPv6 (`::ffff:1.2.3.4`) as IPv4, zone ids dropped. `undefined` for anything else.
 */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text
  const percent = text.indexOf('%')
  const address = percent === -1 ? text : text.slice(0, percent)
  if (!isIPv6(address)) return undefined
  const groups = groupsOf(address)
  return embeddedIPv4(groups) ?? compress(groups)
}

/** The /64 of an IPv6 address, which belongs to one mycelium node: `54f:b680:ba6e:7ced::/64`. An IPv4 address is returned as it is. */
export function networkOf(canonical: string): string {
  if (!canonical.includes(':')) return canonical
  return `${compress([...groupsOf(canonical).slice(0, 4), 0, 0, 0, 0])}/64`
}

/** Parses the address of a payer as an operator may write it: an address, a /64, or `local`. `undefined` for anything else. */
export function payerAddress(text: string): string | undefined {
  if (text === LOCAL) return text
  const address = text.endsWith('/64') ? text.slice(0, -'/64'.length) : text
  const canonical = canonicalAddress(address)
  if (canonical === undefined || address === text) return canonical
  const node = networkOf(canonical)
  return node === canonical ? undefined : node
}

/** Addresses of front ends whose `X-Forwarded-For` is believed. */
export interface TrustedProxies {
  has(address: string): boolean
}

/**
 * Who pays for a request that came through front ends: the last address of its `X-Forwarded-For` list that is not a trusted
 * proxy's. Every front end appends the address that it saw itself, so whatever stands before that one is the caller's own word.
 * An item that is no address ends the list, as the front end that wrote it did not see one.
 * @param list the header's value.
 * @param seen the peer itself, who pays if the list names nobody else.
 */
export function forwardedPayer(list: string, seen: string, proxies: TrustedProxies | undefined): string {
  let payer = seen
  for (let end = list.length; end >= 0;) {
    const comma = end === 0 ? -1 : list.lastIndexOf(',', end - 1)
    const address = canonicalAddress(withoutPort(list.slice(comma + 1, end).trim()))
    if (address === undefined) return payer
    if (proxies?.has(address) !== true) return address
    payer = address
    end = comma
  }
  return payer
}

/** Whether only this machine can reach a listener at `address`. */
export function isLoopback(address: string): boolean {
  if (address === 'localhost') return true
  const canonical = canonicalAddress(withoutPort(address))
  return canonical !== undefined && (canonical === '::1' || canonical.startsWith('127.'))
}

function withoutPort(text: string): string {
  const match = /^\[([^\]]*)\](?::\d+)?$/.exec(text) ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)
  return match?.[1] ?? text
}

/** The eight 16-bit groups of a valid IPv6 address. */
function groupsOf(address: string): readonly number[] {
  const [head = '', tail] = address.split('::')
  const left = parseGroups(head)
  if (tail === undefined) return left
  const right = parseGroups(tail)
  return [...left, ...zeros(8 - left.length - right.length), ...right]
}

function parseGroups(part: string): readonly number[] {
  if (part === '') return []
  return part
    .split(':')
    .flatMap((group) => (group.includes('.') ? dottedGroups(group) : [parseInt(group, 16)]))
}

function dottedGroups(dotted: string): readonly number[] {
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number)
  return [a * 256 + b, c * 256 + d]
}

function embeddedIPv4(groups: readonly number[]): string | undefined {
  const [high = 0, low = 0] = groups.slice(6)
  if (groups[5] !== 0xffff || groups.slice(0, 5).some((group) => group !== 0)) return undefined
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** RFC 5952, section 4.2: the longest run of two or more zero groups becomes `::`, the first of equally long ones. */
function compress(groups: readonly number[]): string {
  const run = longestZeroRun(groups)
  const write = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  if (run.length < 2) return write(groups)
  return `${write(groups.slice(0, run.start))}::${write(groups.slice(run.start + run.length))}`
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  groups.forEach((group, index) => {
    if (group !== 0) start = index + 1
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start }
  })
  return best
}

function zeros(count: number): readonly number[] {
  return Array.from({ length: count }, () => 0)
}
