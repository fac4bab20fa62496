import { BrokerError } from '../../base/errors.ts'
import { usdText, money, ZERO, type Money } from '../../base/money.ts'
import { addAttemptCosts, NO_COST, type AttemptCost } from '../cost/attempt-cost.ts'

/** What a chat with tools has cost so far, over all its rounds and calls, and the maximum that it may cost. */
export class ToolBudget {
  readonly #maxCost: Money
  readonly #rounds: AttemptCost[] = []
  #tools: Money = ZERO
  #hasUnpricedCalls = false

  constructor(maxCost: Money) {
    this.#maxCost = maxCost
  }

  /** Adds the ledger entry of a round. */
  addRound(entry: AttemptCost | undefined): void {
    this.#rounds.push(entry ?? NO_COST)
  }

  addCall(cost: Money | undefined): void {
    if (cost === undefined) this.#hasUnpricedCalls = true
    else this.#tools = money(this.#tools + cost)
  }

  /** A round has been sent upstream, so there may be something to pay. */
  get hasCharges(): boolean {
    return this.#rounds.length > 0
  }

  /** Usage and cost of all rounds together, without tool calls. */
  get rounds(): AttemptCost {
    return addAttemptCosts(this.#rounds)
  }

  /** The cost of all rounds and calls; `undefined` as soon as the cost of one is unknown. */
  get cost(): Money | undefined {
    if (this.#hasUnpricedCalls) return undefined
    let sum: bigint = this.#tools
    for (const { cost } of this.#rounds) {
      if (cost === undefined) return undefined
      sum += cost
    }
    return money(sum)
  }

  /** Throws `over-budget` when nothing is left, or less than `next`, the price of the next calls. */
  check(next: Money = ZERO): void {
    const rounds = this.#rounds.reduce((sum, { cost, costHigh }) => sum + (cost ?? costHigh ?? ZERO), 0n)
    const spent = money(rounds + this.#tools)
    if (spent < this.#maxCost && spent + next <= this.#maxCost) return
    throw new BrokerError(
      'over-budget',
      `the rounds and tool calls of this answer have cost $${usdText(spent)} of the $${usdText(this.#maxCost)} they may`,
    )
  }
}
