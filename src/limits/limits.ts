import type { Clock } from '../base/clock.ts'
import { money, type Money } from '../base/money.ts'
import type { Account } from '../auth/accounts.ts'
import type { Caller } from '../auth/caller.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { periodEnd, type Period } from '../ledger/balances/periods.ts'
import { createBudgetQueue, type BudgetQueue } from './budget-queue.ts'
import { RateCounter } from './rate-counter.ts'
import { NO_RESPONSE_TOKENS, type ResponseTokens } from './response-tokens.ts'
import type { LimitStore } from './limit-store.ts'
import { restrictionsOf, type EffectiveLimit } from './effective-limits.ts'
import type { Restriction } from './limit-rule.ts'

/** Rate limits, concurrency, budgets and restrictions of callers. */
export interface Limits {
  /**
   * Admits one request, or throws `over-limit`. `tokens` is the expected length of its prompt; what its response may have is
   * only read where a limit counts tokens.
   */
  admit(caller: Caller, tokens: number, response?: () => ResponseTokens): LimitAdmission
  /** What remains of the tightest of the caller's budgets; `undefined` when it has none. */
  allowance(caller: Caller): Allowance | undefined
  /** The allowed models and providers of a caller. A request must comply with every one. */
  restrictionsFor(caller: Caller): readonly Restriction[]
  /** Requests that wait for money which running requests hold. */
  readonly budgetQueue: BudgetQueue
  /** Every budget that applies to the caller, with what is used of it. */
  budgetStatus(caller: Caller): readonly BudgetStatus[]
}

/** An admitted request. */
export interface LimitAdmission {
  /** The `x-ratelimit-…` headers of the tightest limits. */
  readonly headers: Readonly<Record<string, string>>
  /** Whether a slow endpoint may be hedged; `undefined` when no rule states it. */
  readonly mayHedge: boolean | undefined
  /** The maximum tokens of all choices together that the provider may be asked for; `undefined` for the caller's own. */
  readonly maxTokens?: number | undefined
  /** Must be called once, when the request has ended. Without `tokensUsed`, all that were expected count as used. */
  release(tokensUsed: number | undefined): void
}

/** What remains of a budget. */
export interface Allowance {
  /** Never negative. */
  readonly remaining: Money
  /** What would remain if no running request held money: the least of all budgets. */
  readonly unspent?: Money | undefined
  /** Whether endpoints without a known price may be used in spite of the budget. */
  readonly allowUnpriced: boolean
  /** Whose budget it is, for people. */
  readonly name: string
  readonly period: Period
  /** It is what a lease has left, so that its holder may ask for more. */
  readonly isLease?: boolean | undefined
}

/** A budget and what is used of it. */
export interface BudgetStatus {
  readonly account: Account
  readonly name: string
  readonly period: Period
  readonly max: Money
  readonly spent: Money
  readonly held: Money
  /** Milliseconds since the epoch; `undefined` for a total, which never resets. */
  readonly resetsAt: number | undefined
  /** Whether endpoints without a known price may be used in spite of the budget. */
  readonly allowUnpriced: boolean
}

export interface LimitsParts {
  readonly rules: Pick<LimitStore, 'limitsFor'>
  readonly ledger: Pick<Ledger, 'balanceIn'>
  readonly clock: Clock
}

export function createLimits(parts: LimitsParts): Limits {
  return new LiveLimits(parts)
}

/** With more rate counters than this, those of accounts that are idle for a minute are deleted. */
const MAX_COUNTERS = 1000

class LiveLimits implements Limits {
  readonly #parts: LimitsParts
  readonly #counters = new Map<Account, RateCounter>()
  readonly budgetQueue: BudgetQueue

  constructor(parts: LimitsParts) {
    this.#parts = parts
    this.budgetQueue = createBudgetQueue(parts.clock)
  }

  admit(
    caller: Caller,
    promptTokens: number,
    responseTokens: () => ResponseTokens = noResponseTokens,
  ): LimitAdmission {
    const all = this.#parts.rules.limitsFor(caller)
    if (all.length === 0) return UNLIMITED
    const mayHedge = mayHedgeBy(all)
    const applicable = all.filter(hasRateLimit)
    if (applicable.length === 0) return { ...UNLIMITED, mayHedge }
    const second = this.#second()
    const counters = applicable.map((limit) => this.#counterOf(limit.account))
    let tokens = promptTokens
    let maxTokens: number | undefined
    if (applicable.some(({ rule }) => rule.tokensPerMinute !== undefined)) {
      const response = responseTokens()
      let expected = response.maxTokens
      for (const [index, { rule }] of applicable.entries())
        expected = Math.min(
          expected,
          counters[index]?.expect(rule, promptTokens, response, second) ?? expected,
        )
      tokens += expected
      if (expected < response.maxTokens) maxTokens = expected
    }
    for (const [index, counter] of counters.entries()) {
      const limit = applicable[index]
      if (limit !== undefined) counter.check(limit, tokens, second)
    }
    for (const counter of counters) counter.start(tokens, second)
    return {
      headers: tightest(applicable.map(({ rule }, index) => counters[index]?.headers(rule, second) ?? {})),
      mayHedge,
      maxTokens,
      release: (used = tokens) => {
        for (const counter of counters) counter.finish(tokens, used, this.#second())
      },
    }
  }

  allowance(caller: Caller): Allowance | undefined {
    const applicable = this.#parts.rules.limitsFor(caller)
    if (applicable.length === 0) return undefined
    let smallest: Allowance | undefined
    for (const { name, period, max, spent, held, allowUnpriced } of this.#budgets(applicable)) {
      const remaining = max - spent - held
      const unspent = money(max > spent ? max - spent : 0n)
      const isSmallest = smallest === undefined || remaining < smallest.remaining
      smallest = {
        remaining: isSmallest ? money(remaining > 0n ? remaining : 0n) : (smallest?.remaining ?? money(0n)),
        unspent: smallest?.unspent === undefined || unspent < smallest.unspent ? unspent : smallest.unspent,
        allowUnpriced: allowUnpriced && (smallest?.allowUnpriced ?? true),
        name: isSmallest ? name : (smallest?.name ?? name),
        period: isSmallest ? period : (smallest?.period ?? period),
      }
    }
    return smallest
  }

  restrictionsFor(caller: Caller): readonly Restriction[] {
    return restrictionsOf(this.#parts.rules.limitsFor(caller))
  }

  budgetStatus(caller: Caller): readonly BudgetStatus[] {
    return [...this.#budgets(this.#parts.rules.limitsFor(caller))]
  }

  *#budgets(applicable: readonly EffectiveLimit[]): Generator<BudgetStatus> {
    const now = this.#parts.clock.now()
    for (const { account, name, rule } of applicable) {
      for (const { period, max } of rule.budgets) {
        const { spent, held } = this.#parts.ledger.balanceIn(account, period, now)
        const resetsAt = periodEnd(period, now)
        yield { account, name, period, max, spent, held, resetsAt, allowUnpriced: rule.allowUnpriced }
      }
    }
  }

  #counterOf(account: Account): RateCounter {
    let counter = this.#counters.get(account)
    if (counter === undefined) {
      if (this.#counters.size >= MAX_COUNTERS) this.#deleteIdle()
      counter = new RateCounter()
      this.#counters.set(account, counter)
    }
    return counter
  }

  #deleteIdle(): void {
    const second = this.#second()
    for (const [account, counter] of this.#counters)
      if (counter.isIdle(second)) this.#counters.delete(account)
  }

  #second(): number {
    return Math.floor(this.#parts.clock.monotonic() / 1000)
  }
}

const UNLIMITED: LimitAdmission = { headers: {}, mayHedge: undefined, release: () => undefined }
const noResponseTokens = (): ResponseTokens => NO_RESPONSE_TOKENS

/** One rule that forbids hedging is enough. */
function mayHedgeBy(applicable: readonly EffectiveLimit[]): boolean | undefined {
  let may: boolean | undefined
  for (const { rule } of applicable) if (rule.mayHedge !== undefined) may = rule.mayHedge && (may ?? true)
  return may
}

function hasRateLimit({ rule }: EffectiveLimit): boolean {
  return (
    rule.concurrent !== undefined ||
    rule.requestsPerMinute !== undefined ||
    rule.tokensPerMinute !== undefined
  )
}

/** The headers of the rule that leaves the least, for requests and for tokens. */
function tightest(all: readonly Record<string, string>[]): Record<string, string> {
  const chosen: Record<string, string> = {}
  for (const name of ['requests', 'tokens']) {
    const remaining = `x-ratelimit-remaining-${name}`
    const [smallest] = all
      .filter((headers) => headers[remaining] !== undefined)
      .sort((a, b) => Number(a[remaining]) - Number(b[remaining]))
    for (const [header, value] of Object.entries(smallest ?? {}))
      if (header.endsWith(name)) chosen[header] = value
  }
  return chosen
}
