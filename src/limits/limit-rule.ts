import { parseUsd, type Money } from '../base/money.ts'
import { PERIODS, type Period } from '../ledger/balances/periods.ts'
import type { LimitRule } from '../wire/rpc/limit-rule.ts'

/** A parsed rule; an absent limit is not limited. */
export interface Rule {
  readonly requestsPerMinute: number | undefined
  readonly tokensPerMinute: number | undefined
  readonly concurrent: number | undefined
  readonly budgets: readonly Budget[]
  readonly allowUnpriced: boolean
  readonly restriction: Restriction | undefined
  /** Whether a slow endpoint may be hedged; `undefined` when the rule doesn't state it. */
  readonly mayHedge: boolean | undefined
}

/** Maximum money in a period. */
export interface Budget {
  readonly period: Period
  readonly max: Money
}

/** The providers and models that requests may use, fallbacks included. */
export interface Restriction {
  readonly providers: ReadonlySet<string> | undefined
  /** Names, or prefixes of names followed by `*`. */
  readonly models: readonly string[] | undefined
  readonly isLocalOnly: boolean
  /** Countries of the companies behind providers (ISO 3166). */
  readonly regions?: ReadonlySet<string> | undefined
  /** Only providers that are known not to train on prompts, or to keep nothing. */
  readonly noTraining?: boolean | undefined
  readonly noRetention?: boolean | undefined
  /** How many brokers above this one a request may pass. */
  readonly maxHops?: number | undefined
}

/** Parses a rule from its wire format. Throws `RangeError` for an amount that is no money. */
export function readRule(rule: LimitRule): Rule {
  return {
    requestsPerMinute: rule.requests_per_minute,
    tokensPerMinute: rule.tokens_per_minute,
    concurrent: rule.concurrent,
    budgets: budgetsOf(rule),
    allowUnpriced: rule.allow_unpriced ?? false,
    restriction: restrictionOf(rule),
    mayHedge: rule.hedge,
  }
}

function budgetsOf(rule: LimitRule): Budget[] {
  const texts: Record<Period, string | undefined> = {
    hour: rule.usd_per_hour,
    day: rule.usd_per_day,
    month: rule.usd_per_month,
    total: rule.usd_total,
  }
  return PERIODS.flatMap((period) => {
    const text = texts[period]
    return text === undefined ? [] : [{ period, max: parseUsd(text) }]
  })
}

function restrictionOf(rule: LimitRule): Restriction | undefined {
  const { providers, models, local_only = false, regions, no_training, no_retention, max_hops } = rule
  const places = regions ?? max_hops ?? (no_training === true || no_retention === true ? true : undefined)
  if (providers === undefined && models === undefined && !local_only && places === undefined) return undefined
  return {
    providers: providers === undefined ? undefined : new Set(providers),
    models,
    isLocalOnly: local_only,
    regions: regions === undefined ? undefined : new Set(regions),
    noTraining: no_training,
    noRetention: no_retention,
    maxHops: max_hops,
  }
}
