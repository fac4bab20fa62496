import { BrokerError } from '../../../../base/errors.ts'
import { money, parseUsd, usdText, ZERO, type Money } from '../../../../base/money.ts'
import { LEASE_TTL_MS, type Lease, type Leases } from '../../../../limits/leases/leases.ts'
import type { HandlersOf } from '../../calls/handler-types.ts'

export interface LeasesFacts {
  readonly leases: Leases
}

type Names = 'leases.list' | 'leases.exchange' | 'leases.end'

export function leasesHandlers({ leases }: LeasesFacts): HandlersOf<Names> {
  return {
    'leases.list': async () => leases.list().map(rowOf),
    'leases.exchange': async ({ lease: id, models, providers, ...amounts }, { ip, context, token }) => {
      const said = {
        id,
        models,
        providers,
        known: amountOf(amounts.known_usd),
        returned: amountOf(amounts.returned_usd),
        want: amountOf(amounts.want_usd),
      }
      return { ...rowOf(await leases.exchange({ ip, context, token }, said)), expires_in_ms: LEASE_TTL_MS }
    },
    'leases.end': async ({ lease }) => ({ removed: await leases.end(lease) }),
  }
}

function amountOf(text = '0'): Money {
  const amount = parseUsd(text)
  if (amount < ZERO) throw new BrokerError('bad-request', `an amount of a lease can’t be negative: ${text}`)
  return amount
}

function rowOf(lease: Lease) {
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
