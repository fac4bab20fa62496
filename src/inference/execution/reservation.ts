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
  /** A raise that is being written. */
  #raising: Promise<RaiseOutcome> | undefined

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
    const next = maxAttemptCost(granted, endpoint, byteLength)
    const { cost, costHigh = cost } = granted.record.maxCostSoFar()
    const held = this.#hold.maxCost
    // The grant admits endpoints without a price only where that is allowed.
    if (next === undefined || costHigh === undefined || held === undefined) return true
    const needed = money(costHigh + next)
    return needed <= held || (await this.#raise(money(needed - held))) === 'raised'
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
    return (await this.#raise(next)) === 'raised'
  }

  /**
   * Raises the hold of a running response that has surely cost `spent` already: by as much again, or to just that. False when
   * the caller's budgets are used up.
   */
  coverSpent(spent: Money): true | Promise<boolean> {
    const held = this.#hold.maxCost
    return held === undefined || spent <= held ? true : this.#coverMore(spent, held)
  }

  async #coverMore(spent: Money, held: Money): Promise<boolean> {
    const needed = money(spent - held)
    if (needed < held && (await this.#raise(held)) !== 'over-budget') return true
    // A full disk is no reason to cut a response: its entry is written when there is space.
    return (await this.#raise(needed)) !== 'over-budget'
  }

  async #raise(more: Money): Promise<RaiseOutcome> {
    this.#raising = this.#increase(more)
    try {
      return await this.#raising
    } finally {
      this.#raising = undefined
    }
  }

  /** Nothing waits between the look at the allowance and the raise, so that no other request can hold the same money. */
  async #increase(more: Money): Promise<RaiseOutcome> {
    const accounting = this.#accounting
    const hold = this.#hold
    const left = accounting.allowance(hold.caller)?.remaining
    if (left !== undefined && more > left) return 'over-budget'
    try {
      this.#hold = await accounting.increaseHold(hold, money((hold.maxCost ?? ZERO) + more))
      return 'raised'
    } catch (error) {
      if (error instanceof BrokerError && (error.code === 'store-full' || error.code === 'over-budget'))
        return error.code
      throw error
    }
  }

  /** No request waits for the disk, and the ledger itself reports what it couldn't write. */
  settle(settlement: Settlement): void {
    const raising = this.#raising
    if (raising === undefined) return this.#settle(settlement)
    // The hold that is settled is the raised one.
    const settle = (): void => this.#settle(settlement)
    raising.then(settle, settle)
    return undefined
  }

  #settle(settlement: Settlement): void {
    this.#accounting.settle(this.#hold, settlement).catch(() => undefined)
  }
}

/**
 * What one attempt can cost; `undefined` when no price is known.
 *
 * @param byteLength of the body that the endpoint is to be sent.
 */
export function maxAttemptCost(
  granted: GrantedRequest,
  endpoint: Endpoint,
  byteLength: number,
): Money | undefined {
  const { price } = endpoint
  const max = maxAttemptUsage(granted, endpoint)
  const longer = Math.max(0, byteLength - granted.request.body.byteLength)
  return price && maxCostOf({ ...max, maxPromptTokens: max.maxPromptTokens + longer }, price)
}

/** `over-budget` also when the process that keeps the ledger finds it; `store-full` when the disk is full. */
type RaiseOutcome = 'raised' | 'over-budget' | 'store-full'
