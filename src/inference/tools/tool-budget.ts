import { BrokerError } from '../../base/errors.ts'
import { formatDollars, money, NOTHING, type Money } from '../../base/money.ts'
import { addBills, NO_BILL, type Bill } from '../cost/attempt-cost.ts'

/** What a chat with tools has cost so far, over all its rounds and calls, and the maximum that it may cost. */
export class ToolPurse {
  readonly #most: Money
  readonly #rounds: Bill[] = []
  #tools: Money = NOTHING
  #hasUnpricedCalls = false

  constructor(most: Money) {
    this.#most = most
  }

  /** Adds the ledger entry of a round. */
  addRound(entry: Bill | undefined): void {
    this.#rounds.push(entry ?? NO_BILL)
  }

  addCall(cost: Money | undefined): void {
    if (cost === undefined) this.#hasUnpricedCalls = true
    else this.#tools = money(this.#tools + cost)
  }

  /** A round has been sent upstream, so there may be something to pay. */
  get mayOwe(): boolean {
    return this.#rounds.length > 0
  }

  /** Usage and cost of all rounds together, without tool calls. */
  get rounds(): Bill {
    return addBills(this.#rounds)
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
  check(next: Money = NOTHING): void {
    const rounds = this.#rounds.reduce((sum, { cost, costHigh }) => sum + (cost ?? costHigh ?? NOTHING), 0n)
    const spent = money(rounds + this.#tools)
    if (spent < this.#most && spent + next <= this.#most) return
    throw new BrokerError(
      'over-budget',
      `the rounds and tool calls of this answer have cost $${formatDollars(spent)} of the $${formatDollars(this.#most)} they may`,
    )
  }
}
