import { BrokerError } from '../../base/errors.ts'
import { usdText, money, ZERO, type Money } from '../../base/money.ts'
import { spentOf } from '../../ledger/uncertainty.ts'
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
    return this.#sum(({ cost }) => cost)
  }

  /** The sum of all costs that are known, with lower bounds where nothing else is. */
  get knownCost(): Money {
    return this.#sum(({ cost, costLow }) => cost ?? costLow ?? ZERO) ?? ZERO
  }

  /** Bounds of the whole; both absent where its cost is exact. */
  get bounds(): Pick<AttemptCost, 'costLow' | 'costHigh'> {
    const isExact = this.#rounds.every(({ costLow, costHigh }) => (costLow ?? costHigh) === undefined)
    if (isExact && this.cost !== undefined) return { costLow: undefined, costHigh: undefined }
    return {
      costLow: this.#sum(({ cost, costLow }) => costLow ?? cost ?? ZERO),
      costHigh: this.#hasUnpricedCalls
        ? undefined
        : this.#sum(({ cost, costLow, costHigh }) => costHigh ?? (costLow === undefined ? cost : undefined)),
    }
  }

  #sum(of: (round: AttemptCost) => Money | undefined): Money | undefined {
    let sum: bigint = this.#tools
    for (const round of this.#rounds) {
      const amount = of(round)
      if (amount === undefined) return undefined
      sum += amount
    }
    return money(sum)
  }

  /** Throws `over-budget` when nothing is left, or less than `next`, the price of the next calls. */
  check(next: Money = ZERO): void {
    const rounds = this.#rounds.reduce((sum, round) => sum + spentOf(round), 0n)
    const spent = money(rounds + this.#tools)
    if (spent < this.#maxCost && spent + next <= this.#maxCost) return
    throw new BrokerError(
      'over-budget',
      `the rounds and tool calls of this answer have cost $${usdText(spent)} of the $${usdText(this.#maxCost)} they may`,
    )
  }
}
