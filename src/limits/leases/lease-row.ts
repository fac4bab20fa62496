import type { Caller } from '../../auth/caller.ts'
import { BrokerError } from '../../base/errors.ts'
import { money, parseUsd, usdText, ZERO, type Money } from '../../base/money.ts'
import type { Params, Result } from '../../wire/rpc/methods.ts'
import { LEASE_TTL_MS, type Lease, type Leases } from './leases.ts'

/** One exchange in the words of `leases.exchange`. Rejects as `Leases.exchange` does, and with `bad-request` for an amount. */
export async function exchangeLease(
  leases: Leases,
  { ip, context, token }: Caller,
  { lease: id, models, providers, ...amounts }: Params<'leases.exchange'>,
): Promise<Result<'leases.exchange'>> {
  const said = {
    id,
    models,
    providers,
    known: amountOf(amounts.known_usd),
    returned: amountOf(amounts.returned_usd),
    want: amountOf(amounts.want_usd),
  }
  const lease = await leases.exchange({ ip, context, token }, said)
  return { ...leaseRow(lease), expires_in_ms: LEASE_TTL_MS }
}

function amountOf(text = '0'): Money {
  const amount = parseUsd(text)
  if (amount < ZERO) throw new BrokerError('bad-request', `an amount of a lease can’t be negative: ${text}`)
  return amount
}

/** A lease as `leases.list` shows it. */
export function leaseRow(lease: Lease): Result<'leases.list'>[number] {
  const { id, caller, granted, returned, left, expiresAt, models, providers } = lease
  return {
    id,
    address: caller.ip,
    ...(caller.token === undefined ? {} : { token: caller.token }),
    granted_usd: usdText(granted),
    returned_usd: usdText(returned),
    spent_usd: usdText(money(granted - returned - left)),
    left_usd: usdText(left),
    expires_at: Math.floor(expiresAt / 1000),
    ...(models === undefined ? {} : { models: [...models] }),
    ...(providers === undefined ? {} : { providers: [...providers] }),
  }
}
