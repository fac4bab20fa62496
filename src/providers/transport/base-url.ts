import { BASE_URL_FORMS, validateBaseUrl } from '../../base/urls/validate-base-url.ts'
import { BrokerError } from '../../base/errors.ts'
import { redactUrl } from '../../base/text.ts'

/** A provider's address, parsed once at start. */
export interface BaseUrl {
  /** What the HTTP client connects to; for a Unix socket only a name for the `Host` header. */
  readonly origin: string
  readonly socketPath: string | undefined
  /** Path before every route, without a trailing slash: `/openai/v1`. */
  readonly prefix: string
}

/** Reads `https://host/v1`, `http://host:port/v1` or `http+unix://%2Frun%2Fsome.sock/v1` (the socket's path percent-encoded). */
export function parseBaseUrl(text: string): BaseUrl {
  const fault = validateBaseUrl(text)
  if (fault !== undefined) throw badUrl(text, fault)
  const url = new URL(text)
  const prefix = url.pathname.replace(/\/+$/, '')
  if (url.protocol !== 'http+unix:') return { origin: url.origin, socketPath: undefined, prefix }
  return { origin: 'http://localhost', socketPath: decodeURIComponent(url.host), prefix }
}

/** The base URL of a server on a Unix socket. */
export function unixBaseUrl(socketPath: string, prefix = '/v1'): string {
  return `http+unix://${encodeURIComponent(socketPath)}${prefix}`
}

/** Whether the address can only lead to this host. */
export function isLocalUrl({ origin, socketPath }: BaseUrl): boolean {
  if (socketPath !== undefined) return true
  const { hostname } = new URL(origin)
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}

/** The address for people to read: a host, or the path of a Unix socket. An invalid base URL is shown without its secrets. */
export function hostOf(baseUrl: string): string {
  if (validateBaseUrl(baseUrl) !== undefined) return redactUrl(baseUrl)
  const { origin, socketPath } = parseBaseUrl(baseUrl)
  return socketPath ?? new URL(origin).host
}

function badUrl(text: string, why: string): BrokerError {
  return new BrokerError(
    'bad-request',
    `“${redactUrl(text)}” can't be a provider's base URL: ${why}; use ${BASE_URL_FORMS}`,
  )
}
