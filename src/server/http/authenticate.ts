import { BrokerError } from '../../base/errors.ts'
import { canonicalAddress, forwardedPayer, LOCAL, networkOf } from '../../auth/address.ts'
import type { Caller } from '../../auth/caller.ts'
import { readContextLabel } from '../../auth/context-label.ts'
import { bearerOf, type Proof } from '../../auth/verify-bearer.ts'
import type { CallerRules, HttpRequest } from './node/request-types.ts'

/**
 * Identifies the caller, who also pays. On a Unix socket, and from a trusted proxy, a front names the caller: the last address
 * of `X-Forwarded-For` that is not a trusted proxy's, and `X-Hero-Context`. Elsewhere only the peer's address counts and those
 * headers are ignored. The
 * credential of a tool call names the caller itself. Throws `bad-context`, and `unauthorized` for a token of ours that is no
 * longer valid.
 */
export function authenticate(request: HttpRequest): Caller {
  const { callerRules } = request.server
  const proof = bearerProof(request)
  if (proof?.caller !== undefined) return { ...proof.caller, viaTool: true }
  const caller = resolveCaller(request, callerRules)
  const token = proof?.token
  const ip = callerRules.rollsUp === true ? networkOf(caller.ip) : caller.ip
  return { ip, context: callerRules.context ?? caller.context, ...(token === undefined ? {} : { token }) }
}

/**
 * What the bearer token of a request proves; `undefined` without one. The credential of a tool call is for the servers of this
 * machine, so it proves something on Unix sockets only. Throws `unauthorized`.
 */
export function bearerProof({ server, headers }: HttpRequest): Proof | undefined {
  const proof = server.callerRules.bearerVerifier?.verify(bearerOf(headers.authorization))
  if (proof?.caller !== undefined && !server.trustForwarded)
    throw new BrokerError('unauthorized', 'the credential of a tool call is accepted on Unix sockets only')
  return proof
}

/**
 * Whether the caller may use the admin calls: because of its token, or because it connects without one to a Unix socket of a
 * broker that has no admin secret. A request that a front passes on there comes from another caller, who needs a token.
 */
export function isAdmin(request: HttpRequest): boolean {
  const { bearerVerifier } = request.server.callerRules
  const proof = bearerProof(request)
  // A caller's token makes a caller on every listener, and so does a tool that calls in a caller's name: who passes a proof on
  // must not lend it the rights of the socket.
  if (proof !== undefined) return proof.isAdmin
  return (
    request.server.trustForwarded &&
    bearerVerifier?.isGuarded !== true &&
    request.server.callerRules.context === undefined &&
    !FRONT_HEADERS.some((name) => request.headers[name] !== undefined)
  )
}

const FRONT_HEADERS = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'x-hero-context', 'via'] as const

/** Throws `unauthorized` without a token, `forbidden` with one that is not an administrator's. */
export function requireAdmin(request: HttpRequest): void {
  if (isAdmin(request)) return
  if (bearerProof(request) === undefined)
    throw new BrokerError(
      'unauthorized',
      'this needs the admin token: send Authorization: Bearer <ADMIN_TOKEN>, or a token signed with HERO_SECRET whose scope is admin',
    )
  throw new BrokerError('forbidden', 'this token is not an administrator’s')
}

function resolveCaller(request: HttpRequest, { proxies, context }: CallerRules): Caller {
  const { headers } = request
  const forwarded = headers['x-forwarded-for']
  // A socket that belongs to one context ignores the header.
  const headerValue = headers['x-hero-context']
  const contextHeader = headerValue === undefined || context !== undefined ? undefined : headerValue
  const peer = request.server.trustForwarded ? LOCAL : socketAddress(request)
  if (peer !== LOCAL && proxies?.has(peer) !== true) return { ip: peer, context: undefined }
  const ip = forwarded === undefined ? peer : forwardedPayer(String(forwarded), peer, proxies)
  return { ip, context: readLabel(contextHeader) }
}

function readLabel(value: string | string[] | undefined): string | undefined {
  return value === undefined ? undefined : readContextLabel(String(value))
}

function socketAddress(request: HttpRequest): string {
  const { peerAddress: lookUpPeerAddress } = request.server.callerRules
  const peer = lookUpPeerAddress === undefined ? request.socket.remoteAddress : lookUpPeerAddress(request)
  const address = peer === undefined ? undefined : canonicalAddress(peer)
  // A peer that hung up has no address any more; its request must not be charged to `local` or to another caller.
  if (address === undefined)
    throw new BrokerError(
      'bad-request',
      'the connection closed before the address of the caller could be read',
    )
  return address
}
