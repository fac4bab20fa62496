import { BlockList, isIP } from 'node:net'
import { validateProxyUrl } from '../../../base/urls/proxy-url.ts'
import { Secret } from '../../../base/secret.ts'
import { isLocalUrl, type BaseUrl } from '../base-url.ts'

/** The proxies of the environment, as their variables have them. */
export interface ProxySettings {
  /** For providers with `http://` addresses. */
  readonly http: string | undefined
  /** For providers with `https://` addresses. */
  readonly https: string | undefined
  /** Hosts that are reached directly: names, suffixes, addresses and networks with commas or spaces between. */
  readonly noProxy: string | undefined
}

/** An HTTP proxy through which a provider is reached. */
export interface ProxyAddress {
  /** With its scheme and without credentials, for people: `http://proxy:3128`. */
  readonly shown: string
  readonly isTls: boolean
  readonly host: string
  readonly port: number
  /** The value of `Proxy-Authorization`. */
  readonly authorization: Secret | undefined
}

/** In the models file: no proxy, whatever the environment says. */
export const DIRECT = 'direct'

/**
 * The proxy for a provider; `undefined` when it is reached directly. A provider's own setting wins over the environment, which
 * does not apply to this host, as in Go and unlike curl.
 * @param own `direct`, or the address of a proxy.
 */
export function proxyFor(base: BaseUrl, settings: ProxySettings, own?: string): ProxyAddress | undefined {
  if (base.socketPath !== undefined || own === DIRECT) return undefined
  if (own !== undefined) return parseProxy(own)
  const { protocol, hostname, port } = new URL(base.origin)
  const url = protocol === 'https:' ? settings.https : settings.http
  if (url === undefined || isLocalUrl(base)) return undefined
  const isHttps = protocol === 'https:'
  return isExempt(hostname, port === '' ? (isHttps ? '443' : '80') : port, settings.noProxy ?? '')
    ? undefined
    : parseProxy(url)
}

function parseProxy(text: string): ProxyAddress | undefined {
  // The configuration was validated when it was read.
  if (validateProxyUrl(text) !== undefined) return undefined
  const url = new URL(text)
  const isTls = url.protocol === 'https:'
  return {
    shown: url.origin,
    isTls,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
    authorization: authorizationOf(url),
  }
}

function authorizationOf({ username, password }: URL): Secret | undefined {
  if (username === '' && password === '') return undefined
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return new Secret(`Basic ${Buffer.from(text).toString('base64')}`)
}

/** Whether an entry of NO_PROXY covers a host: `*`, `example.com`, `.example.com`, `host:8080`, `10.1.2.3` or `10.0.0.0/8`. */
function isExempt(hostname: string, port: string, noProxy: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean)
    .some((entry) => covers(entry, host, port))
}

function covers(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  if (entry.includes('/')) return isInNetwork(host, entry)
  const [, name = entry, onlyPort] = /^(.*?)(?::(\d+))?$/.exec(isIP(entry) === 6 ? '' : entry) ?? []
  if (onlyPort !== undefined && onlyPort !== port) return false
  const suffix = (name === '' ? entry : name).replace(/^\*?\./, '').replace(/^\[(.*)\]$/, '$1')
  return host === suffix || host.endsWith(`.${suffix}`)
}

function isInNetwork(host: string, network: string): boolean {
  const [address = '', bits] = network.split('/')
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  const prefix = Number(bits)
  if (isIP(address) === 0 || isIP(host) === 0 || !Number.isInteger(prefix)) return false
  if (prefix < 0 || prefix > (family === 'ipv6' ? 128 : 32)) return false
  const list = new BlockList()
  list.addSubnet(address, prefix, family)
  return list.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4')
}
