import type { Caller } from '../../auth/caller.ts'
import { BrokerError } from '../../base/errors.ts'
import { money, usdText, ZERO, type Money } from '../../base/money.ts'
import type { Hold, HoldRequest, Settlement } from '../../ledger/types.ts'
import { spentOf } from '../../ledger/uncertainty.ts'
import type { Lease, Leases } from '../../limits/leases/leases.ts'
import type { Allowance, LimitAdmission } from '../../limits/limits.ts'
import type { Restriction } from '../../limits/limit-rule.ts'
import type { ResponseTokens } from '../../limits/response-tokens.ts'
import type { RequestAccounting } from './accounting.ts'
import { LEASE } from './held-money.ts'

/** Accounts for a request that a broker below sends under a lease: its money comes out of the lease, and what is left goes back. */
export class LeaseAccounting implements RequestAccounting {
  readonly #inner: RequestAccounting
  readonly #leases: Leases
  readonly #id: string

  constructor(inner: RequestAccounting, leases: Leases, id: string) {
    this.#inner = inner
    this.#leases = leases
    this.#id = id
  }

  admit(caller: Caller, tokens: number, responseTokens: () => ResponseTokens): LimitAdmission {
    return this.#inner.admit(caller, tokens, responseTokens)
  }

  allowance(caller: Caller): Allowance {
    const { left } = this.#leases.find(this.#id, caller)
    return {
      remaining: left,
      unspent: left,
      allowUnpriced: false,
      name: `the lease ${this.#id}`,
      period: 'total',
      isLease: true,
    }
  }

  async hold(request: HoldRequest): Promise<Hold> {
    const { maxCost } = request
    return this.#cover(maxCost, () => this.#inner.hold(request))
  }

  async increaseHold(hold: Hold, maxCost: Money): Promise<Hold> {
    const more = money(maxCost - (hold.maxCost ?? ZERO))
    return this.#cover(more, () => this.#inner.increaseHold(hold, maxCost))
  }

  /** Takes the money and makes the hold in one turn, so that the store has the first before the second. */
  async #cover(amount: Money | undefined, hold: () => Promise<Hold>): Promise<Hold> {
    const taking = amount === undefined ? undefined : this.#leases.take(this.#id, amount)
    if (amount === undefined || taking === undefined) throw this.#tooLittle(amount)
    const [taken, held] = await Promise.allSettled([taking, hold()])
    if (held.status === 'fulfilled') {
      // The disk was full for the first and not for the second: the request has its hold, so the lease must be smaller.
      if (taken.status === 'rejected') this.#leases.take(this.#id, amount)?.catch(() => undefined)
      return held.value
    }
    if (taken.status === 'fulfilled') this.#leases.giveBack(this.#id, amount)
    throw held.reason
  }

  /** The entry is queued before the rest goes back, so that a crash between never makes the lease larger than it was. */
  settle(hold: Hold, settlement: Settlement): Promise<void> {
    const rest = money((hold.maxCost ?? ZERO) - spentOf(settlement))
    const settled = this.#inner.settle(hold, settlement)
    this.#leases.giveBack(this.#id, rest)
    return settled
  }

  #tooLittle(needed: Money | undefined): BrokerError {
    const cost = needed === undefined ? 'of unknown cost' : `of up to $${usdText(needed)}`
    return new BrokerError('over-budget', `the lease ${this.#id} does not cover a request ${cost}`, {
      details: LEASE,
    })
  }
}

/** The models and providers that a lease is for. */
export function leaseRestriction({ models, providers }: Lease): Restriction | undefined {
  if (models === undefined && providers === undefined) return undefined
  return {
    models,
    providers: providers === undefined ? undefined : new Set(providers),
    isLocalOnly: false,
  }
}
