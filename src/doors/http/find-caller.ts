import type { FastifyRequest } from 'fastify'
import { BrokerError } from '../../base/errors.ts'
import { canonicalAddress, firstForwardedAddress } from '../../contexts/address.ts'
import type { Caller } from '../../contexts/caller.ts'
import { readContextLabel } from '../../contexts/context-label.ts'

/** The address of whoever comes through a Unix socket without a front that says more. */
const LOCAL = 'local'

/**
 * Who asks and pays. On a Unix socket a front may say so (`X-Forwarded-For`, `X-Hero-Context`); on TCP only the peer's
 * address counts and those headers are as good as absent. Throws `bad-context`.
 */
export function findCaller(request: FastifyRequest): Caller {
  if (!request.server.trustForwarded) return { ip: peerOf(request), context: undefined }
  const { 'x-forwarded-for': forwarded, 'x-hero-context': context } = request.headers
  return {
    ip: forwarded === undefined ? LOCAL : (firstForwardedAddress(String(forwarded)) ?? LOCAL),
    context: context === undefined ? undefined : readContextLabel(String(context)),
  }
}

function peerOf({ socket }: FastifyRequest): string {
  const address = socket.remoteAddress === undefined ? undefined : canonicalAddress(socket.remoteAddress)
  // A peer that hung up has no address any more; it must not become `local`, nor anybody else's bill.
  if (address === undefined)
    throw new BrokerError('bad-request', 'the caller left before it was known who it is')
  return address
}
