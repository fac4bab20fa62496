import { ZERO } from '../../base/money.ts'
import type { Row } from '../../store/sql.ts'
import { amount, count } from '../entries/row-readers.ts'
import type { UsageTotals } from '../types.ts'

/** SQL that adds up rows of `request_logs`. An adjustment is no request; what it takes back is negative. */
export const ROW_SUMS = `
  count(*) FILTER (WHERE adjusts IS NULL) AS requests,
  ifnull(sum(prompt_tokens), 0) AS prompt_tokens, ifnull(sum(completion_tokens), 0) AS completion_tokens,
  ifnull(sum(cached_tokens), 0) AS cached_tokens, ifnull(sum(reasoning_tokens), 0) AS reasoning_tokens,
  ifnull(sum(cost_nano), 0) AS cost_nano, sum(uncertain_nano) AS uncertain_nano, sum(unpriced) AS unpriced,
  min(started_at) AS first_seen, max(started_at) AS last_seen`

export const ADDED = [
  'requests',
  'prompt_tokens',
  'completion_tokens',
  'cached_tokens',
  'reasoning_tokens',
  'cost_nano',
  'uncertain_nano',
  'unpriced',
]

/** The columns that `usage_days` and `cleared_days` are split by, their primary key. */
export const DAY_KEY: readonly string[] = ['day', 'ip', 'context', 'token', 'model']

/** All columns of `usage_days` and `cleared_days`, in their order. */
export const DAY_COLUMNS: readonly string[] = [...DAY_KEY, ...ADDED, 'first_seen', 'last_seen']

/** SQL that adds up rows of `usage_days`. */
export const DAY_SUMS = `
  ${ADDED.map((column) => `sum(${column}) AS ${column}`).join(', ')},
  min(first_seen) AS first_seen, max(last_seen) AS last_seen`

/** SQL that adds new totals to an existing row of `usage_days`. */
export const DAY_UPSERT = `
  ${ADDED.map((column) => `${column} = ${column} + excluded.${column}`).join(', ')},
  first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen)`

/** The totals of no entries. */
export const ZERO_TOTALS: UsageTotals = {
  requests: 0,
  promptTokens: 0,
  completionTokens: 0,
  totalTokens: 0,
  cachedTokens: 0,
  reasoningTokens: 0,
  cost: ZERO,
  uncertain: ZERO,
  unpriced: 0,
  firstSeen: undefined,
  lastSeen: undefined,
}

/** Reads totals from a row with the columns of `ROW_SUMS` or `DAY_SUMS`. */
export function totalsFrom(row: Row): UsageTotals {
  const promptTokens = count(row, 'prompt_tokens')
  const completionTokens = count(row, 'completion_tokens')
  return {
    requests: count(row, 'requests'),
    promptTokens,
    completionTokens,
    totalTokens: promptTokens + completionTokens,
    cachedTokens: count(row, 'cached_tokens'),
    reasoningTokens: count(row, 'reasoning_tokens'),
    cost: amount(row, 'cost_nano'),
    uncertain: amount(row, 'uncertain_nano'),
    unpriced: count(row, 'unpriced'),
    firstSeen: count(row, 'first_seen'),
    lastSeen: count(row, 'last_seen'),
  }
}
