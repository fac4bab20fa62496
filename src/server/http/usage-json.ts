import { usdText } from '../../base/money.ts'
import type { UsageTotals } from '../../ledger/types.ts'
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
    cost_usd: usdText(totals.cost),
    uncertain_usd: usdText(totals.uncertain),
    unpriced: totals.unpriced,
  }
}
