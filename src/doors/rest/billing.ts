import type { FastifyReply, FastifyRequest } from 'fastify'
import { BrokerError } from '../../base/errors.ts'
import { formatDollars } from '../../base/money.ts'
import type { Rooms } from '../../broker/rooms.ts'
import { canonicalAddress } from '../../contexts/address.ts'
import type { UsageFilter, UsageTotals } from '../../ledger/ledger-types.ts'

/** `GET /billing/usage?since=&until=`: what every address spent, most first. Times are Unix seconds. */
export async function getBillingUsage(
  request: FastifyRequest,
  _reply: FastifyReply,
  { ledger }: Rooms,
): Promise<object> {
  const addresses = await ledger.usage(filterOf(request))
  return { addresses: addresses.map(({ ip, ...totals }) => ({ ip, ...wireTotals(totals) })) }
}

/** `GET /billing/usage/{ip}`: what one address spent, per model. */
export async function getBillingUsageOf(
  request: FastifyRequest,
  _reply: FastifyReply,
  { ledger }: Rooms,
): Promise<object> {
  const { ip: asked } = request.params as { ip: string }
  const ip = canonicalAddress(asked) ?? asked
  const [usage] = await ledger.usage({ ...filterOf(request), ip })
  if (usage === undefined) throw new BrokerError('not-found', `no request of “${ip}” is known in this period`)
  return {
    ip,
    ...wireTotals(usage),
    models: usage.models.map(({ model, ...totals }) => ({ model, ...wireTotals(totals) })),
  }
}

function wireTotals(totals: UsageTotals): object {
  return {
    requests: totals.requests,
    prompt_tokens: totals.promptTokens,
    completion_tokens: totals.completionTokens,
    total_tokens: totals.totalTokens,
    cost_usd: formatDollars(totals.cost),
    uncertain_usd: formatDollars(totals.uncertain),
    unpriced: totals.unpriced,
    first_seen: totals.firstSeen ?? null,
    last_seen: totals.lastSeen ?? null,
  }
}

function filterOf(request: FastifyRequest): UsageFilter {
  const query = request.query as Record<string, unknown>
  return { since: secondsOf(query['since'], 'since'), until: secondsOf(query['until'], 'until') }
}

function secondsOf(value: unknown, name: string): number | undefined {
  if (value === undefined || value === '') return undefined
  const seconds = Number(value)
  if (Number.isFinite(seconds) && seconds >= 0) return seconds
  throw new BrokerError('bad-request', `“${name}” must be Unix seconds, such as ${name}=1763750000`)
}
