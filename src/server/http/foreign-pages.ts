import { BrokerError } from '../../base/errors.ts'

/** The headers by which a browser says where a request comes from and where it believes it goes. */
export interface PageHeaders {
  readonly host?: string | undefined
  readonly origin?: string | undefined
}

/**
 * Refuses a request that a web page of another site made a browser send: `Origin` names another site, or `Host` a name that
 * its owner pointed at this machine (DNS rebinding). An absent header is not judged. Throws `forbidden`.
 * @param isOwnName whether a host name, or an IP address (IPv6 in brackets), stands for this server.
 */
export function refuseForeignPage({ host, origin }: PageHeaders, isOwnName: (name: string) => boolean): void {
  if (host !== undefined && !isOwnName(hostName(host)))
    throw new BrokerError(
      'forbidden',
      'the Host header does not name this machine; use localhost or 127.0.0.1',
    )
  if (origin !== undefined && !isOwnName(originName(origin)))
    throw new BrokerError(
      'forbidden',
      'web pages of other sites are refused: Origin does not name this machine',
    )
}

/**
 * Refuses a request that a page of any other origin made a browser send: `Host` must name this server, and `Origin`, where there
 * is one, must be the origin that `Host` names. Throws `forbidden`.
 */
export function refuseOtherOrigin({ host, origin }: PageHeaders, isOwnName: (name: string) => boolean): void {
  if (host !== undefined && !isOwnName(hostName(host)))
    throw new BrokerError(
      'forbidden',
      'the Host header does not name this broker; use its address, or add the name to AIBROKER_HOSTS',
    )
  if (origin !== undefined && !isOriginOf(host ?? '', origin))
    throw new BrokerError(
      'forbidden',
      'pages of other sites are refused: Origin is not the scheme, host and port that this request goes to',
    )
}

/** TLS may end in front of the broker, so both schemes are its own. */
function isOriginOf(host: string, origin: string): boolean {
  const page = URL.parse(origin)
  if (page === null || page.origin !== origin || !/^https?:$/.test(page.protocol)) return false
  return URL.parse(`${page.protocol}//${host}`)?.origin === origin
}

function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '')
}

function originName(origin: string): string {
  return URL.parse(origin)?.hostname ?? ''
}
