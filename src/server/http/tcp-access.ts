import { BrokerError } from '../../base/errors.ts'
import { canonicalAddress, isLoopback } from '../../auth/address.ts'
import type { Guard } from './node/request-types.ts'
import { proofOf } from './authenticate.ts'
import { refuseForeignPage } from './foreign-pages.ts'

/** Whether a TCP listener may open: beyond this machine only with a token to ask for. */
export function mayListen(address: string, hasToken: boolean): boolean {
  return hasToken || isLoopback(address)
}

/** Lets in only who proves something: the admin token, a token of ours, or a JWT of Hero's auth. */
export const requireProof: Guard = (request) => {
  if (proofOf(request) !== undefined) return
  if (request.headers.authorization === undefined)
    throw unauthorized('Missing Authentication header: send Authorization: Bearer <token>')
  throw unauthorized('this token is not known here')
}

/**
 * Guards a loopback listener against web pages: a page of another site (`Origin`) and a name that was made to point here
 * (DNS rebinding: `Host`) are refused. `address` is what the listener is bound to.
 */
export function requireSameMachine(address: string): Guard {
  const bound = canonicalAddress(address)
  const isOurs = (name: string) =>
    isLoopback(name) || (bound !== undefined && canonicalAddress(unbracket(name)) === bound)
  return ({ headers }) => refuseForeignPage(headers, isOurs)
}

function unauthorized(message: string): BrokerError {
  return new BrokerError('unauthorized', message)
}

function unbracket(name: string): string {
  return name.replace(/^\[(.*)\]$/, '$1')
}
