import { BrokerError } from '../../base/errors.ts'
import { money, ZERO, type Money } from '../../base/money.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import { maxCostOf } from '../../ledger/cost.ts'
import type { Hold, Settlement } from '../../ledger/types.ts'
import type { RequestAccounting } from '../budget/accounting.ts'
import { maxAttemptUsage, type GrantedRequest } from '../budget/affordable-candidates.ts'
import type { RequestRecord } from './request-record.ts'

/** The hold of one request, from the moment that the ledger made it until it is settled. */
export class Reservation {
  #hold: Hold
  readonly #accounting: RequestAccounting

  constructor(hold: Hold, accounting: RequestAccounting) {
    this.#hold = hold
    this.#accounting = accounting
  }

  /** The money that is set aside; `undefined` when no price is known. */
  get max(): Money | undefined {
    return this.#hold.maxCost
  }

  /**
   * Raises the hold, before one more attempt, to what that can cost on top of what the request may have cost so far.
   * False when the caller's budgets don't cover it; then the hold stays as it is.
   *
   * @param byteLength of the body that the endpoint is to be sent.
   */
  async coverNext(
    granted: GrantedRequest & { readonly record: RequestRecord },
    endpoint: Endpoint,
    byteLength: number,
  ): Promise<boolean> {
    const { price } = endpoint
    const max = maxAttemptUsage(granted, endpoint)
    const longer = Math.max(0, byteLength - granted.request.body.byteLength)
    const next = price && maxCostOf({ ...max, maxPromptTokens: max.maxPromptTokens + longer }, price)
    const { cost, costHigh = cost } = granted.record.maxCostSoFar()
    const held = this.#hold.maxCost
    // The grant admits endpoints without a price only where that is allowed.
    if (next === undefined || costHigh === undefined || held === undefined) return true
    const needed = money(costHigh + next)
    return needed <= held || this.#raise(money(needed - held))
  }

  /**
   * Raises the hold by what an endpoint can cost that is to run beside another one. False when the caller's budgets don't
   * cover both.
   */
  async coverBoth(granted: GrantedRequest, endpoint: Endpoint): Promise<boolean> {
    const { price } = endpoint
    const next = price && maxCostOf(maxAttemptUsage(granted, endpoint), price)
    // The grant admits endpoints without a price only where that is allowed.
    if (next === undefined || this.#hold.maxCost === undefined) return true
    return this.#raise(next)
  }

  /** Nothing waits between the look at the allowance and the raise, so that no other request can hold the same money. */
  async #raise(more: Money): Promise<boolean> {
    const accounting = this.#accounting
    const hold = this.#hold
    const left = accounting.allowance(hold.caller)?.remaining
    if (left !== undefined && more > left) return false
    try {
      this.#hold = await accounting.increaseHold(hold, money((hold.maxCost ?? ZERO) + more))
      return true
    } catch (error) {
      if (error instanceof BrokerError && REFUSALS.has(error.code)) return false
      throw error
    }
  }

  /** No request waits for the disk, and the ledger itself reports what it couldn't write. */
  settle(settlement: Settlement): void {
    this.#accounting.settle(this.#hold, settlement).catch(() => undefined)
  }
}

/** The disk is full, or the process that keeps the ledger finds that the amount exceeds a budget. */
const REFUSALS: ReadonlySet<string> = new Set(['store-full', 'over-budget'])
