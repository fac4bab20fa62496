import { BlockList, isIPv6 } from 'node:net'
import type { TrustedProxies } from './address.ts'

/**
 * The front ends that an operator listed: addresses (`10.0.0.1`) and networks in CIDR form (`10.0.0.0/8`, `2001:db8::/32`), which
 * the configuration has checked. An IPv4 address inside IPv6 counts as IPv4. `undefined` for an empty list, so that a request then
 * costs no look-up.
 */
export function trustedProxies(items: Iterable<string>): TrustedProxies | undefined {
  const listed = new BlockList()
  for (const item of items) addTo(listed, item)
  if (listed.rules.length === 0) return undefined
  return { has: (address) => listed.check(address, familyOf(address)) }
}

function addTo(listed: BlockList, item: string): void {
  const [address = '', prefix] = item.split('/')
  if (prefix === undefined) listed.addAddress(address, familyOf(address))
  else listed.addSubnet(address, Number(prefix), familyOf(address))
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4'
}
