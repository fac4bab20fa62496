import type { FastifyReply, FastifyRequest } from 'fastify'
import { BrokerError } from '../../../base/errors.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import { exchangeLease } from '../../../limits/leases/lease-row.ts'
import { leasesMethods } from '../../../wire/rpc/methods/cascade/leases.ts'
import { authenticate } from '../../http/authenticate.ts'

const said = leasesMethods['leases.exchange'].params

/** `POST /cascade/leases`: `leases.exchange` for a broker below, on the listener that its requests go to. Throws `bad-request`. */
export async function postLease(
  request: FastifyRequest,
  _reply: FastifyReply,
  { leases }: AdminServices,
  readBody: (request: FastifyRequest) => { readonly value: unknown },
): Promise<object> {
  if (leases === undefined) throw new BrokerError('not-found', 'this broker grants no leases')
  const read = said.safeParse(readBody(request).value)
  if (!read.success)
    throw new BrokerError('bad-request', `the question about a lease can’t be read: ${read.error.message}`)
  return exchangeLease(leases, authenticate(request), read.data)
}
