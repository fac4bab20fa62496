import { BrokerError } from '../../base/errors.ts'
import { canonicalAddress, isLoopback } from '../../auth/address.ts'
import type { Guard, HttpRequest } from './node/request-types.ts'
import { bearerProof } from './authenticate.ts'
import { refuseOtherOrigin } from './foreign-pages.ts'

/** Whether a TCP listener may open: beyond this machine only if callers must show a token. */
export function mayListen(address: string, hasToken: boolean): boolean {
  return hasToken || isLoopback(address)
}

/** Admits only requests with a valid bearer: the admin token, a token of ours, or a JWT of Hero's auth. Throws `unauthorized`. */
export const requireBearer: Guard = (request) => {
  if (bearerProof(request) !== undefined) return
  if (request.headers.authorization === undefined)
    throw unauthorized('Missing Authentication header: send Authorization: Bearer <token>')
  throw unauthorized('this token is not known here')
}

/** Where a TCP listener listens, and the names under which callers reach it. */
export interface OwnNames {
  /** What the listener is bound to. */
  readonly address: string
  /** Further names, of a front or in a private DNS. */
  readonly hosts: readonly string[]
  /** Origins of other pages that are let in. */
  readonly origins?: ReadonlySet<string> | undefined
}

/**
 * Guards a TCP listener against web pages of other origins, with a token and without. `Host` must name the broker, so that no
 * foreign name can be pointed at it; `Origin` must be the broker's own, or one of `origins`; and a body must be JSON, which a page can't send to
 * another origin without asking first. The guard throws `forbidden` and `unsupported-media`.
 */
export function requireOwnPage({ address, hosts, origins }: OwnNames): Guard {
  const bound = canonicalAddress(address)
  const names = new Set(hosts.map((name) => name.toLowerCase()))
  const isPublic = !isLoopback(address)
  const isOwnName = (name: string): boolean => {
    if (isLoopback(name) || names.has(name)) return true
    const literal = canonicalAddress(unbracket(name))
    if (!isPublic) return literal !== undefined && literal === bound
    // An address cannot be pointed elsewhere, and a name without a dot has no public owner.
    return literal !== undefined || /^[a-z0-9-]+$/.test(name)
  }
  let lastHost: string | undefined
  return ({ headers }) => {
    const { host } = headers
    const origin = origins?.has(headers.origin ?? '') === true ? undefined : headers.origin
    if (host !== lastHost || origin !== undefined) refuseOtherOrigin({ host, origin }, isOwnName)
    lastHost = host
    requireJson(headers)
  }
}

/** Throws `unsupported-media` for a body that is not JSON. */
function requireJson(headers: HttpRequest['headers']): void {
  const type = headers['content-type']
  if (type === 'application/json' || !hasBody(headers)) return
  if (type?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json') return
  throw new BrokerError(
    'unsupported-media',
    'over TCP a body must be JSON: send Content-Type: application/json',
  )
}

function hasBody(headers: HttpRequest['headers']): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

function unauthorized(message: string): BrokerError {
  return new BrokerError('unauthorized', message)
}

function unbracket(name: string): string {
  return name.replace(/^\[(.*)\]$/, '$1')
}
