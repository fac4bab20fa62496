import type { Endpoint } from '../../catalog/catalog.ts'
import { capAt, type Grant, type TokenCap } from './affordable-candidates.ts'

/** What a request may use, by its budget and by its limit of tokens a minute. */
export interface LimitedTokens {
  readonly grant: Grant
  /** The maximum tokens of all choices together by a limit of tokens a minute. */
  readonly maxTokens: number | undefined
}

/** The value of `x_aibroker.limited` where a limit of tokens a minute caps the response. */
export interface RateCap {
  readonly max_tokens: number
  readonly limit: 'tokens_per_minute'
}

/** What caps the response at an endpoint: the lower of both; `undefined` when nothing does. */
export function tokenCapAt(
  { grant, maxTokens }: LimitedTokens,
  endpoint: Endpoint | undefined,
): TokenCap | RateCap | undefined {
  const byBudget = capAt(grant, endpoint)
  if (maxTokens === undefined) return byBudget
  if (byBudget !== undefined && byBudget.max_tokens <= maxTokens) return byBudget
  return { max_tokens: maxTokens, limit: 'tokens_per_minute' }
}

/** A header is sent ahead of the response, so it states the maximum length at the first candidate. */
export function withCapHeader(
  headers: Readonly<Record<string, string>>,
  limited: LimitedTokens,
): Readonly<Record<string, string>> {
  const cap = tokenCapAt(limited, limited.grant.candidates[0])
  if (cap === undefined) return headers
  const by = 'budget' in cap ? `budget=${cap.budget}` : `limit=${cap.limit}`
  return { ...headers, 'x-aibroker-limited': `max_tokens=${cap.max_tokens}; ${by}` }
}
