import type { Caller } from '../../auth/caller.ts'
import type { Money } from '../../base/money.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { Hold, HoldRequest, Settlement } from '../../ledger/types.ts'
import type { Allowance, LimitAdmission, Limits } from '../../limits/limits.ts'
import type { BudgetQueue } from '../../limits/budget-queue.ts'
import type { ResponseTokens } from '../../limits/response-tokens.ts'
import type { Restriction } from '../../limits/limit-rule.ts'
import type { Leases } from '../../limits/leases/leases.ts'
import type { InferenceRequest, RequestContext } from '../request/inference-request.ts'
import type { Accounting, RequestAccounting } from './accounting.ts'
import { LeaseAccounting, leaseRestriction } from './lease-accounting.ts'

/**
 * Accounting in the process that keeps the limits and the ledger. It begins at once and is the same for all requests, so
 * that a request costs no message and no object.
 */
export class LocalAccounting implements Accounting, RequestAccounting {
  readonly #limits: Pick<Limits, 'restrictionsFor' | 'admit' | 'allowance' | 'budgetQueue'>
  readonly #ledger: Pick<Ledger, 'hold' | 'increaseHold' | 'settle'>
  readonly #leases: Leases | undefined

  constructor(
    limits: Pick<Limits, 'restrictionsFor' | 'admit' | 'allowance' | 'budgetQueue'>,
    ledger: Pick<Ledger, 'hold' | 'increaseHold' | 'settle'>,
    leases?: Leases,
  ) {
    this.#limits = limits
    this.#ledger = ledger
    this.#leases = leases
  }

  restrictionsFor(caller: Caller, lease?: string): readonly Restriction[] {
    const own = this.#limits.restrictionsFor(caller)
    if (lease === undefined || this.#leases === undefined) return own
    const restriction = leaseRestriction(this.#leases.find(lease, caller))
    return restriction === undefined ? own : [...own, restriction]
  }

  begin(_request: InferenceRequest, { hop }: RequestContext): RequestAccounting {
    return hop?.lease === undefined || this.#leases === undefined
      ? this
      : new LeaseAccounting(this, this.#leases, hop.lease)
  }

  get budgetQueue(): BudgetQueue {
    return this.#limits.budgetQueue
  }

  admit(caller: Caller, tokens: number, responseTokens: () => ResponseTokens): LimitAdmission {
    return this.#limits.admit(caller, tokens, responseTokens)
  }

  allowance(caller: Caller): Allowance | undefined {
    return this.#limits.allowance(caller)
  }

  hold(request: HoldRequest): Promise<Hold> {
    return this.#ledger.hold(request)
  }

  increaseHold(hold: Hold, maxCost: Money): Promise<Hold> {
    return this.#ledger.increaseHold(hold, maxCost)
  }

  settle(hold: Hold, settlement: Settlement): Promise<void> {
    return this.#ledger.settle(hold, settlement)
  }
}
