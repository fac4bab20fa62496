import { usdText } from '../../../../base/money.ts'
import type { HeldLease } from '../../../../cascade/leases/lease-holder.ts'
import type { LeaseHolders } from '../../../../cascade/leases/lease-holders.ts'
import { exchangeLease, leaseRow } from '../../../../limits/leases/lease-row.ts'
import type { Leases } from '../../../../limits/leases/leases.ts'
import type { Result } from '../../../../wire/rpc/methods.ts'
import type { HandlersOf } from '../../calls/handler-types.ts'

export interface LeasesFacts {
  readonly leases: Leases
  /** At the brokers above. */
  readonly heldLeases: Pick<LeaseHolders, 'list'>
}

type Names = 'leases.list' | 'leases.held' | 'leases.exchange' | 'leases.end'

export function leasesHandlers({ leases, heldLeases }: LeasesFacts): HandlersOf<Names> {
  return {
    'leases.list': async () => leases.list().map(leaseRow),
    'leases.held': async () => heldLeases.list().map(heldRow),
    'leases.exchange': async (said, caller) => exchangeLease(leases, caller, said),
    'leases.end': async ({ lease }) => ({ removed: await leases.end(lease) }),
  }
}

function heldRow(held: HeldLease): Result<'leases.held'>[number] {
  const { mother, size, id, granted, returned, spent, held: running, free, endsInMs, problem } = held
  return {
    mother,
    size_usd: usdText(size),
    ...(id === undefined ? {} : { id }),
    ...(granted === undefined ? {} : { granted_usd: usdText(granted) }),
    ...(returned === undefined ? {} : { returned_usd: usdText(returned) }),
    spent_usd: usdText(spent),
    held_usd: usdText(running),
    left_usd: usdText(free),
    ...(endsInMs === undefined ? {} : { expires_in_ms: endsInMs }),
    ...(problem === undefined ? {} : { problem }),
  }
}
