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

function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '')
}

function originName(origin: string): string {
  return URL.parse(origin)?.hostname ?? ''
}
