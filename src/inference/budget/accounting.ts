import type { Caller } from '../../auth/caller.ts'
import type { Money } from '../../base/money.ts'
import type { Hold, HoldRequest, Settlement } from '../../ledger/types.ts'
import type { Allowance, LimitAdmission } from '../../limits/limits.ts'
import type { BudgetQueue } from '../../limits/budget-queue.ts'
import type { ResponseTokens } from '../../limits/response-tokens.ts'
import type { Restriction } from '../../limits/limit-rule.ts'
import type { RequestContext, InferenceRequest } from '../request/inference-request.ts'

/** The limits and the ledger as inference uses them: in the primary they are there, a worker sends messages to them. */
export interface Accounting {
  /**
   * The allowed models and providers of a caller, and of the lease that a request is charged under. It must comply with every
   * one. Throws `over-budget` for a lease that has ended.
   */
  restrictionsFor(caller: Caller, lease?: string): readonly Restriction[]
  /**
   * Begins to account for a request. Accounting in another process reserves its cost now, and what is returned answers for
   * this one request from what it learned. Throws what that process throws.
   *
   * @param id the generation id.
   * @param tokens the expected tokens of the prompt.
   * @param responseTokens what the response may have; read only where a limit counts tokens.
   */
  begin(
    request: InferenceRequest,
    context: RequestContext,
    id: string,
    tokens: number,
    responseTokens: () => ResponseTokens,
  ): RequestAccounting | Promise<RequestAccounting>
}

/** Accounts for one request, in this order: admit, check the allowance, hold, perhaps increase the hold, settle. */
export interface RequestAccounting {
  /** Throws `over-limit`. `tokens` is the expected length of the prompt. */
  admit(caller: Caller, tokens: number, responseTokens: () => ResponseTokens): LimitAdmission
  /** Requests that wait for money which running requests hold; absent where another process lets them wait. */
  readonly budgetQueue?: BudgetQueue | undefined
  /** What remains of the tightest of the caller's budgets; `undefined` when it has none. */
  allowance(caller: Caller): Allowance | undefined
  /** Rejects with `store-full`; then nothing may be sent upstream. */
  hold(request: HoldRequest): Promise<Hold>
  /** The returned hold replaces the old one, which stays when it rejects: with `store-full` or `over-budget`. */
  increaseHold(hold: Hold, maxCost: Money): Promise<Hold>
  settle(hold: Hold, settlement: Settlement): Promise<void>
}
