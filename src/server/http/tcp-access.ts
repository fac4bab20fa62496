import { BrokerError } from '../../base/errors.ts'
import { canonicalAddress, isLoopback } from '../../auth/address.ts'
import type { Guard } from './node/request-types.ts'
import { bearerProof } from './authenticate.ts'
import { refuseForeignPage } from './foreign-pages.ts'

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

/**
 * Guards a loopback listener against web pages of other sites. `address` is what the listener is bound to. The guard throws
 * `forbidden`.
 */
export function requireLocalOrigin(address: string): Guard {
  const bound = canonicalAddress(address)
  const isOwnName = (name: string) =>
    isLoopback(name) || (bound !== undefined && canonicalAddress(unbracket(name)) === bound)
  return ({ headers }) => refuseForeignPage(headers, isOwnName)
}

function unauthorized(message: string): BrokerError {
  return new BrokerError('unauthorized', message)
}

function unbracket(name: string): string {
  return name.replace(/^\[(.*)\]$/, '$1')
}
