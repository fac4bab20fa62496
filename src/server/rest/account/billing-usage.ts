import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { BrokerError } from '../../../base/errors.ts'
import { truncate } from '../../../base/text.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import { canonicalAddress } from '../../../auth/address.ts'
import { readContextLabel } from '../../../auth/context-label.ts'
import type { RefusedCount } from '../../../ledger/usage/refused-requests.ts'
import { ZERO_TOTALS } from '../../../ledger/usage/usage-sums.ts'
import type { UsageFilter, UsageGroup, UsageTotals } from '../../../ledger/types.ts'
import { requireAdmin } from '../../http/authenticate.ts'
import { csvOf, jsonOf } from './billing-export.ts'
import { wireRefused, wireTotals } from '../../http/usage-json.ts'

/** `GET /billing/usage?since=&until=&context=`: what every address spent, the highest first. Times are Unix seconds. */
export async function getBillingUsage(
  request: FastifyRequest,
  _reply: FastifyReply,
  { ledger, refused }: AdminServices,
): Promise<object> {
  requireAdmin(request)
  const filter = filterOf(request)
  const addresses = await ledger.usage(filter)
  return {
    refused: refusedRows((await refused?.counts(filter)) ?? []),
    addresses: addresses.map(({ ip, models: _models, ...totals }) => ({ ip, ...billingTotals(totals) })),
  }
}

/** `GET /billing/usage/{ip}?since=&until=&context=`: what one address spent, per model, per context and per day of UTC. */
export async function getBillingUsageOf(
  request: FastifyRequest,
  _reply: FastifyReply,
  { ledger, refused }: AdminServices,
): Promise<object> {
  requireAdmin(request)
  const { ip: given } = request.params as { ip: string }
  const ip = canonicalAddress(given) ?? given
  const filter = { ...filterOf(request), ip }
  const [usage] = await ledger.usage(filter)
  const refusals = (await refused?.counts(filter)) ?? []
  if (usage === undefined && refusals.length === 0)
    throw new BrokerError(
      'not-found',
      `no request of “${truncate(ip)}” is known in this period${hintFor(ip)}`,
    )
  const [contexts, days] = [await ledger.groups(filter, ['context']), await ledger.groups(filter, ['day'])]
  return {
    ip,
    ...billingTotals(usage ?? ZERO_TOTALS),
    models: (usage?.models ?? []).map(({ model, ...totals }) => ({ model, ...billingTotals(totals) })),
    contexts: contexts.map((group) => ({ context: nameOf(group), ...billingTotals(group) })),
    calendar: 'UTC',
    days: days.map((group) => ({ day: group.day, ...billingTotals(group) })),
    refused: refusedRows(refusals),
  }
}

/** Refused requests per caller and day of UTC. */
function refusedRows(counts: readonly RefusedCount[]): object[] {
  const groups = Map.groupBy(counts, ({ day, ip, context, token }) =>
    JSON.stringify([day, ip, context, token]),
  )
  return [...groups.values()].flatMap((own) => {
    const [first] = own
    if (first === undefined) return []
    const { day, ip, context, token } = first
    return {
      day: new Date(day * 86_400_000).toISOString().slice(0, 10),
      ip,
      context: context === '' ? null : context,
      token: token === '' ? null : token,
      ...wireRefused(own),
    }
  })
}

/** Callers of a socket have no address. */
function hintFor(ip: string): string {
  return /^(127\.|::1$|localhost$)/.test(ip) ? '; callers of the Unix sockets are booked as “local”' : ''
}

/**
 * `GET /billing/export.csv` and `.json`, filtered by `since`, `until`, `context` and `ip`: every entry, newest first. Memory is
 * constant, whatever the number of entries.
 */
export async function getBillingExport(
  request: FastifyRequest,
  reply: FastifyReply,
  { ledger }: AdminServices,
): Promise<FastifyReply> {
  requireAdmin(request)
  await ledger.whenWritten()
  const { ip } = request.query as Record<string, unknown>
  const own = typeof ip === 'string' && ip !== '' ? { ip: canonicalAddress(ip) ?? ip } : {}
  const entries = ledger.entries({ ...filterOf(request), ...own })
  const isCsv = request.routeOptions.url?.endsWith('.csv') === true
  return reply
    .type(isCsv ? 'text/csv; charset=utf-8' : 'application/json; charset=utf-8')
    .send(
      Readable.from(isCsv ? csvOf(entries) : jsonOf(entries), { objectMode: false, highWaterMark: 65_536 }),
    )
}

/** `null` for requests without a context. */
function nameOf({ context }: UsageGroup): string | null {
  return context === undefined || context === '' ? null : context
}

/** Totals, and when the first and the last request began, in Unix seconds. */
function billingTotals(totals: UsageTotals): object {
  return {
    ...wireTotals(totals),
    first_seen: totals.firstSeen ?? null,
    last_seen: totals.lastSeen ?? null,
  }
}

function filterOf(request: FastifyRequest): UsageFilter {
  const query = request.query as Record<string, unknown>
  return {
    since: secondsOf(query['since'], 'since'),
    until: secondsOf(query['until'], 'until'),
    context: contextOf(query['context']),
  }
}

/** An empty `context=` selects the requests without a context. */
function contextOf(value: unknown): string | undefined {
  if (value === undefined || value === '') return value
  return readContextLabel(typeof value === 'string' ? value : '')
}

function secondsOf(value: unknown, name: string): number | undefined {
  if (value === undefined || value === '') return undefined
  const seconds = Number(value)
  if (Number.isFinite(seconds) && seconds >= 0) return seconds
  throw new BrokerError('bad-request', `“${name}” must be Unix seconds, such as ${name}=1763750000`)
}
