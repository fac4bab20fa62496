import { ZERO } from '../base/money.ts'
import type { Settlement } from '../ledger/types.ts'

/** What the response to a request may have. */
export interface ResponseTokens {
  /** The maximum of all choices together. */
  readonly maxTokens: number
  /** Number of choices when the caller named no maximum length, so that a limit may; otherwise 0. */
  readonly cappableChoices: number
}

/** Of a request whose response has no tokens, as embeddings. */
export const NO_RESPONSE_TOKENS: ResponseTokens = { maxTokens: 0, cappableChoices: 0 }

/** A response that is capped by a limit may have so many tokens per choice, or half of the limit where that is less. */
const MIN_CAP = 4096
/** The share of what is left of a limit that one response without a maximum may take, so that several may run at once. */
const MAX_SHARE = 1 / 4

/**
 * The tokens to expect of a response when a limit of `limit` tokens has `left` for it. Where the caller named no maximum,
 * that is the maximum of the model, or less where the limit has less: then the provider is asked for no more.
 */
export function expectedTokens(
  { maxTokens, cappableChoices }: ResponseTokens,
  limit: number,
  left: number,
): number {
  if (cappableChoices === 0) return maxTokens
  const enough = Math.min(cappableChoices * MIN_CAP, Math.ceil(limit / 2))
  const share = Math.max(cappableChoices * MIN_CAP, Math.floor(left * MAX_SHARE))
  return Math.min(maxTokens, Math.max(1, enough, Math.min(left, share)))
}

/**
 * The tokens that a request has used; `undefined` when a provider may have generated some that it did not report: then all
 * that were expected count.
 */
export function tokensUsed({ usage, countSource, cost, status }: Settlement): number | undefined {
  const isUncertain = countSource === 'bounded' && status !== 'finished'
  if (usage !== undefined && !isUncertain) return usage.prompt + usage.completion
  return usage === undefined && cost === ZERO ? 0 : undefined
}
