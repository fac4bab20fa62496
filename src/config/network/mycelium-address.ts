import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'

/** Where a mycelium address is looked for. */
export interface MyceliumSources {
  /** The variable `HERO_MYCELIUM_IP`. */
  readonly variable: string | undefined
  /** Home folder, below which Hero OS keeps `hero/cfg/hero_cfg.toml`. */
  readonly home: string | undefined
  /** Addresses of this host; those of its network interfaces by default. */
  readonly addresses?: readonly string[] | undefined
}

/**
 * The mycelium address of this host: what Hero OS was told, or an address of an interface within 400::/7, which is mycelium's range
 * (https://github.com/threefoldtech/mycelium, README, read 2026-11). `undefined` when there is none.
 */
export function myceliumAddress({
  variable,
  home,
  addresses = hostAddresses(),
}: MyceliumSources): string | undefined {
  return variable ?? configuredAddress(home) ?? addresses.find(isMycelium)
}

function hostAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address))
}

/** The first seven bits are 0000010: the first group is from 400 to 5ff. */
function isMycelium(address: string): boolean {
  return isIPv6(address) && /^0?[45][0-9a-f]{2}:/i.test(address)
}

/** `ipv6_address` of the section `[mycelium]`; the one line of that file that is needed here. */
function configuredAddress(home: string | undefined): string | undefined {
  if (home === undefined) return undefined
  try {
    const text = readFileSync(join(home, 'hero/cfg/hero_cfg.toml'), 'utf8')
    const section = /^\[mycelium\][^\n]*\n((?!\[)[^\n]*\n?)*/m.exec(text)?.[0]
    return section === undefined ? undefined : /^\s*ipv6_address\s*=\s*["']([^"']+)["']/m.exec(section)?.[1]
  } catch {
    return undefined
  }
}
