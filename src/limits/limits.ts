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

/** May they? Requests and tokens per minute, requests at once, money per period, and where requests may go. */
export interface Limits {
  /** Lets one request in, or throws `over-limit`. `tokens` is what its prompt is expected to have. */
  admit(caller: Caller, tokens: number): Admission
  /** The money that is left under the tightest of the caller's budgets; `undefined` when it has none. */
  allowance(caller: Caller): Allowance | undefined
  /** All of them must be kept to. */
  pinsOf(caller: Caller): readonly Pin[]
  /** Every budget that binds the caller, with what is used of it. */
  standing(caller: Caller): readonly Standing[]
}

/** A request that was let in. */
export interface Admission {
  /** `x-ratelimit-…` */
  readonly headers: Readonly<Record<string, string>>
  /** Whether somebody else may be asked beside a slow endpoint; `undefined` when no rule says. */
  readonly mayHedge: boolean | undefined
  /** To be called once, when the request has ended. */
  leave(tokensUsed: number): void
}

export interface Allowance {
  /** Never negative. */
  readonly left: Money
  /** Whether endpoints without a known price may be asked all the same. */
  readonly mayBeUnpriced: boolean
  /** For people: whose budget it is. */
  readonly name: string
  readonly period: Period
}

export interface Standing {
  readonly account: Account
  readonly name: string
  readonly period: Period
  readonly most: Money
  readonly spent: Money
  readonly held: Money
  /** Milliseconds since the epoch; never, for a total. */
  readonly resetsAt: number | undefined
  /** Whether endpoints without a known price may be asked all the same. */
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

/** Accounts that did nothing for a minute are forgotten when there are more than this. */
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

/** One rule that says no is enough. */
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

/** Of several rules about the same thing, the one that leaves least. */
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
