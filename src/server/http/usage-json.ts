import { usdText } from '../../base/money.ts'
import type { UsageTotals } from '../../ledger/types.ts'
import type { RefusalStatus, RefusedCount } from '../../ledger/usage/refused-requests.ts'
import type { Result } from '../../wire/rpc/methods.ts'

/** The sum of ledger entries as REST and RPC report it: counts, and amounts as exact decimals of US dollars. */
export function wireTotals(totals: UsageTotals): Result<'usage.summary'>['totals'] {
  return {
    requests: totals.requests,
    prompt_tokens: totals.promptTokens,
    completion_tokens: totals.completionTokens,
    total_tokens: totals.totalTokens,
    cached_tokens: totals.cachedTokens,
    reasoning_tokens: totals.reasoningTokens,
    ...wireCost(totals),
  }
}

/** What is known, what it may be beyond that, and how many responses have no price: the same wherever costs are added up. */
export function wireCost({
  cost,
  uncertain,
  unpriced,
}: UsageTotals): Pick<Result<'usage.summary'>['totals'], 'cost_usd' | 'uncertain_usd' | 'unpriced'> {
  return { cost_usd: usdText(cost), uncertain_usd: usdText(uncertain), unpriced }
}

/** How many requests were refused, by reason. */
export function wireRefused(counts: readonly RefusedCount[]): Result<'usage.summary'>['refused'] {
  const sum = (status: RefusalStatus): number =>
    counts.reduce((total, one) => (one.status === status ? total + one.requests : total), 0)
  return { over_budget: sum(402), over_limit: sum(429), unavailable: sum(503) }
}
