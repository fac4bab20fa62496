import type { onRequestHookHandler } from 'fastify'
import { asBrokerError, BrokerError } from '../../base/errors.ts'
import { canonicalAddress, isLoopback } from '../../contexts/address.ts'
import { proofOf } from './find-caller.ts'

/** Whether a TCP listener may open: beyond this machine only with a token to ask for. */
export function mayListen(address: string, hasToken: boolean): boolean {
  return hasToken || isLoopback(address)
}

/** Lets in only who proves something: the admin token, a token of ours, or a JWT of Hero's auth. */
export const requireProof: onRequestHookHandler = (request, _reply, done) => {
  try {
    if (proofOf(request) !== undefined) return done()
    if (request.headers.authorization === undefined)
      return done(unauthorized('Missing Authentication header: send Authorization: Bearer <token>'))
    return done(unauthorized('this token is not known here'))
  } catch (error) {
    return done(asBrokerError(error))
  }
}

/**
 * Guards a loopback listener against web pages: a page of another site (`Origin`) and a name that was made to point here
 * (DNS rebinding: `Host`) are refused. `address` is what the listener is bound to.
 */
export function requireSameMachine(address: string): onRequestHookHandler {
  const bound = canonicalAddress(address)
  const isOurs = (name: string) =>
    isLoopback(name) || (bound !== undefined && canonicalAddress(unbracket(name)) === bound)
  return (request, _reply, done) => {
    const { host, origin } = request.headers
    if (host !== undefined && !isOurs(hostName(host))) {
      done(new BrokerError('forbidden', `this listener answers to localhost, not to the name in Host`))
    } else if (origin !== undefined && !isOurs(originName(origin))) {
      done(
        new BrokerError(
          'forbidden',
          'web pages of other sites may not ask here (Origin is not this machine)',
        ),
      )
    } else done()
  }
}

function unauthorized(message: string): BrokerError {
  return new BrokerError('unauthorized', message)
}

function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '')
}

function originName(origin: string): string {
  return URL.parse(origin)?.hostname ?? ''
}

function unbracket(name: string): string {
  return name.replace(/^\[(.*)\]$/, '$1')
}
