import type { Clock } from '../base/clock.ts'
import { money, type Money } from '../base/money.ts'
import type { Account } from '../auth/accounts.ts'
import type { Caller } from '../auth/caller.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { periodEnd, type Period } from '../ledger/balances/periods.ts'
import { Gauge } from './rate-counter.ts'
import type { RuleBook } from './limit-store.ts'
import type { Bound } from './effective-limits.ts'
import type { Pin } from './limit-rule.ts'

/** Rate limits, concurrency, budgets and restrictions of callers. */
export interface Limits {
  /** Admits one request, or throws `over-limit`. `tokens` is the expected length of its prompt. */
  admit(caller: Caller, tokens: number): Admission
  /** What remains of the tightest of the caller's budgets; `undefined` when it has none. */
  allowance(caller: Caller): Allowance | undefined
  /** The allowed models and providers of a caller. A request must comply with every one. */
  pinsOf(caller: Caller): readonly Pin[]
  /** Every budget that applies to the caller, with what is used of it. */
  standing(caller: Caller): readonly Standing[]
}

/** An admitted request. */
export interface Admission {
  /** The `x-ratelimit-…` headers of the tightest limits. */
  readonly headers: Readonly<Record<string, string>>
  /** Whether a slow endpoint may be hedged; `undefined` when no rule states it. */
  readonly mayHedge: boolean | undefined
  /** Must be called once, when the request has ended. */
  leave(tokensUsed: number): void
}

/** What remains of a budget. */
export interface Allowance {
  /** Never negative. */
  readonly left: Money
  /** Whether endpoints without a known price may be used in spite of the budget. */
  readonly mayBeUnpriced: boolean
  /** Whose budget it is, for people. */
  readonly name: string
  readonly period: Period
}

/** A budget and what is used of it. */
export interface Standing {
  readonly account: Account
  readonly name: string
  readonly period: Period
  readonly most: Money
  readonly spent: Money
  readonly held: Money
  /** Milliseconds since the epoch; `undefined` for a total, which never resets. */
  readonly resetsAt: number | undefined
  /** Whether endpoints without a known price may be used in spite of the budget. */
  readonly mayBeUnpriced: boolean
}

export interface LimitsParts {
  readonly rules: Pick<RuleBook, 'boundsOf'>
  readonly ledger: Pick<Ledger, 'balanceIn'>
  readonly clock: Clock
}

export function createLimits(parts: LimitsParts): Limits {
  return new LiveLimits(parts)
}

/** With more rate counters than this, those of accounts that are idle for a minute are deleted. */
const MOST_GAUGES = 1000

class LiveLimits implements Limits {
  readonly #parts: LimitsParts
  readonly #gauges = new Map<Account, Gauge>()

  constructor(parts: LimitsParts) {
    this.#parts = parts
  }

  admit(caller: Caller, tokens: number): Admission {
    const all = this.#parts.rules.boundsOf(caller)
    if (all.length === 0) return UNBOUND
    const mayHedge = mayHedgeBy(all)
    const bounds = all.filter(isAboutRates)
    if (bounds.length === 0) return { ...UNBOUND, mayHedge }
    const second = this.#second()
    const gauges = bounds.map((bound) => this.#gaugeOf(bound.account))
    for (const [index, gauge] of gauges.entries()) {
      const bound = bounds[index]
      if (bound !== undefined) gauge.check(bound, tokens, second)
    }
    for (const gauge of gauges) gauge.enter(tokens, second)
    return {
      headers: tightest(bounds.map(({ rule }, index) => gauges[index]?.headers(rule, second) ?? {})),
      mayHedge,
      leave: (used) => {
        for (const gauge of gauges) gauge.leave(tokens, used, this.#second())
      },
    }
  }

  allowance(caller: Caller): Allowance | undefined {
    const bounds = this.#parts.rules.boundsOf(caller)
    if (bounds.length === 0) return undefined
    let least: Allowance | undefined
    for (const { name, period, most, spent, held, mayBeUnpriced } of this.#budgets(bounds)) {
      const left = most - spent - held
      const isLeast = least === undefined || left < least.left
      least = {
        left: isLeast ? money(left > 0n ? left : 0n) : (least?.left ?? money(0n)),
        mayBeUnpriced: mayBeUnpriced && (least?.mayBeUnpriced ?? true),
        name: isLeast ? name : (least?.name ?? name),
        period: isLeast ? period : (least?.period ?? period),
      }
    }
    return least
  }

  pinsOf(caller: Caller): readonly Pin[] {
    const bounds = this.#parts.rules.boundsOf(caller)
    return bounds.length === 0 ? NO_PINS : bounds.flatMap(({ rule }) => rule.pin ?? [])
  }

  standing(caller: Caller): readonly Standing[] {
    return [...this.#budgets(this.#parts.rules.boundsOf(caller))]
  }

  *#budgets(bounds: readonly Bound[]): Generator<Standing> {
    const now = this.#parts.clock.now()
    for (const { account, name, rule } of bounds) {
      for (const { period, most } of rule.budgets) {
        const { spent, held } = this.#parts.ledger.balanceIn(account, period, now)
        const resetsAt = periodEnd(period, now)
        yield { account, name, period, most, spent, held, resetsAt, mayBeUnpriced: rule.mayBeUnpriced }
      }
    }
  }

  #gaugeOf(account: Account): Gauge {
    let gauge = this.#gauges.get(account)
    if (gauge === undefined) {
      if (this.#gauges.size >= MOST_GAUGES) this.#forgetIdle()
      gauge = new Gauge()
      this.#gauges.set(account, gauge)
    }
    return gauge
  }

  #forgetIdle(): void {
    const second = this.#second()
    for (const [account, gauge] of this.#gauges) if (gauge.isIdle(second)) this.#gauges.delete(account)
  }

  #second(): number {
    return Math.floor(this.#parts.clock.monotonic() / 1000)
  }
}

const UNBOUND: Admission = { headers: {}, mayHedge: undefined, leave: () => undefined }
const NO_PINS: readonly Pin[] = []

/** One rule that forbids hedging is enough. */
function mayHedgeBy(bounds: readonly Bound[]): boolean | undefined {
  let may: boolean | undefined
  for (const { rule } of bounds) if (rule.mayHedge !== undefined) may = rule.mayHedge && (may ?? true)
  return may
}

function isAboutRates({ rule }: Bound): boolean {
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
    const [least] = all
      .filter((headers) => headers[remaining] !== undefined)
      .sort((a, b) => Number(a[remaining]) - Number(b[remaining]))
    for (const [header, value] of Object.entries(least ?? {}))
      if (header.endsWith(name)) chosen[header] = value
  }
  return chosen
}
