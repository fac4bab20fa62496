import type { FastifyReply, FastifyRequest } from 'fastify'
import { BrokerError } from '../../base/errors.ts'
import type { Rooms } from '../../broker/chat.ts'

/** `GET /billing/usage?since=&until=`: what every address spent, most first. Times are Unix seconds. */
export function getBillingUsage(request: FastifyRequest, _reply: FastifyReply, { ledger }: Rooms): unknown {
  return ledger.usage(periodOf(request))
}

/** `GET /billing/usage/{ip}`: what one address spent, per model. */
export function getBillingUsageOf(request: FastifyRequest, _reply: FastifyReply, { ledger }: Rooms): unknown {
  const { ip } = request.params as { ip: string }
  return ledger.usageOf(ip, periodOf(request))
}

function periodOf(request: FastifyRequest): { since: number | undefined; until: number | undefined } {
  const query = request.query as Record<string, unknown>
  return { since: secondsOf(query['since'], 'since'), until: secondsOf(query['until'], 'until') }
}

function secondsOf(value: unknown, name: string): number | undefined {
  if (value === undefined || value === '') return undefined
  const seconds = Number(value)
  if (Number.isFinite(seconds) && seconds >= 0) return seconds
  throw new BrokerError('bad-request', `“${name}” must be Unix seconds, such as ${name}=1763750000`)
}
