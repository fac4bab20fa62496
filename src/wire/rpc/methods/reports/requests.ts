import { z } from 'zod'

import type { Method } from '../../method.ts'
import { count, moment, unixSeconds, usd } from '../../units.ts'

const names = z.array(z.string().max(500)).min(1).max(50)

/** The statuses that a request in the ledger can have. */
const status = z.enum(['finished', 'cancelled', 'broken', 'exhausted', 'failed', 'interrupted'])

export const requestFilter = z
  .strictObject({
    since: moment.optional().describe('Started at this time or later.'),
    until: moment.optional().describe('Started before this time.'),
    status: z.array(status).min(1).optional(),
    model: names.optional().describe('The model that responded, or the one that was requested.'),
    provider: names.optional().describe('Empty for requests that no provider answered.'),
    context: names.optional().describe('Empty for requests without a context.'),
    address: names.optional(),
    token: names.optional().describe('Ids of tokens; empty for requests without one.'),
    app: names.optional().describe('Titles that apps send.'),
    kind: names.optional(),
    streamed: z.boolean().optional(),
    cost_usd_at_least: usd.optional(),
    duration_ms_at_least: count.optional(),
    attempts_at_least: count.optional(),
    flagged: z.boolean().optional().describe('Whether a row needs an administrator’s attention.'),
    text: z.string().min(1).max(200).optional().describe('A part of the error, in any case.'),
  })
  .meta({
    id: 'RequestFilter',
    description: 'Several values of one field are alternatives; fields are combined.',
  })

/** A moment of the ledger; opaque, because its number would tell how many requests others make. */
export const asOf = z.string().max(500).meta({
  id: 'AsOf',
  description:
    'A moment of the ledger, for calls that are to be about the same requests. It ends with the process.',
})

export const requestRow = z
  .object({
    id: z.string(),
    seq: count.optional().describe('Its number in the ledger; for administrators.'),
    started_at_ms: count.describe('Milliseconds since 1970-01-01 UTC.'),
    status,
    model: z.string().describe('As requested.'),
    answered_model: z.string().optional(),
    provider: z.string().optional(),
    endpoint: z.string().optional(),
    address: z.string(),
    context: z.string().optional(),
    token: z.string().optional().describe('Id of the token.'),
    app: z.string().optional(),
    kind: z.string(),
    streamed: z.boolean(),
    attempts: count,
    prompt_tokens: count.optional(),
    completion_tokens: count.optional(),
    cached_tokens: count.optional(),
    reasoning_tokens: count.optional(),
    first_token_ms: count.optional(),
    duration_ms: count.optional(),
    certainty: z
      .enum(['known', 'bounded', 'unpriced'])
      .describe(
        'Exact; an estimate or between bounds; without a price, so that at most a lower bound is known.',
      ),
    cost_usd: usd.optional().describe('With corrections; an estimate where there are bounds.'),
    cost_low_usd: usd.optional(),
    cost_high_usd: usd.optional(),
    cost_source: z
      .enum(['price', 'upstream', 'none'])
      .describe('Our price times the counts; the provider’s own charge; unknown.'),
    count_source: z.enum(['reported', 'counted', 'bounded', 'none']),
    correction_usd: usd.optional().describe('What later entries added to the cost.'),
    error: z.string().optional(),
    flag: z.string().optional(),
  })
  .meta({ id: 'RequestRow' })

const open = z
  .object({
    id: z.string(),
    started_at_ms: count,
    model: z.string(),
    address: z.string(),
    context: z.string().optional(),
    token: z.string().optional(),
    kind: z.string(),
    streamed: z.boolean(),
    held_usd: usd.optional().describe('Absent when no price is known.'),
  })
  .meta({ id: 'OpenRequest' })

/** The totals of `usage.summary`, with how many requests did not finish well. */
export const reportTotals = z
  .object({
    requests: count,
    failed: count.describe('Requests with any other status than `finished`.'),
    prompt_tokens: count,
    completion_tokens: count,
    total_tokens: count,
    cached_tokens: count,
    reasoning_tokens: count,
    cost_usd: usd,
    uncertain_usd: usd,
    unpriced: z.int(),
  })
  .meta({ id: 'ReportTotals' })

const percentiles = z
  .object({ p50: z.number().optional(), p95: z.number().optional() })
  .meta({ id: 'Percentiles', description: 'Milliseconds; absent when nothing was measured.' })

const exactFrom = unixSeconds
  .optional()
  .describe('Of requests before it only totals per day of UTC are left. Absent when all are there.')

const EXAMPLE_ROW = {
  id: 'gen-1',
  seq: 7,
  started_at_ms: 1_767_225_600_123,
  status: 'finished',
  model: 'auto',
  answered_model: 'gpt-4o-mini',
  provider: 'openai',
  endpoint: 'openai/gpt-4o-mini',
  address: '10.0.0.1',
  kind: 'chat',
  streamed: true,
  attempts: 1,
  prompt_tokens: 12,
  completion_tokens: 34,
  cost_usd: '0.0000222',
  certainty: 'known',
  cost_source: 'price',
  count_source: 'reported',
} as const

export const EXAMPLE_TOTALS = {
  requests: 3,
  failed: 0,
  prompt_tokens: 1200,
  completion_tokens: 340,
  total_tokens: 1540,
  cached_tokens: 200,
  reasoning_tokens: 0,
  cost_usd: '0.0003072',
  uncertain_usd: '0',
  unpriced: 0,
} as const

const own =
  'A caller sees its own requests: those of its address, context and token. An administrator sees those of all callers.'

export const requestsMethods = {
  'requests.list': {
    summary: 'One page of requests, newest first',
    description: `${own} New requests never shift a page. A page may be short before the end: follow \`next\`.`,
    params: z.strictObject({
      filter: requestFilter.optional(),
      limit: z.int().min(1).max(200).optional().describe('Maximum number of rows; 50 by default.'),
      cursor: z.string().max(500).optional().describe('`next` of the page before, with the same filter.'),
      as_of: asOf.optional(),
    }),
    result: z.object({
      rows: z.array(requestRow),
      damaged: z
        .int()
        .optional()
        .describe('Rows of this page that are damaged and left out; `ledger.verify` names them.'),
      open: z.array(open).describe('Requests that are running, on the first page; at most 200.'),
      next: z.string().optional().describe('Absent on the last page.'),
      as_of: asOf,
    }),
    errors: ['bad-request', 'overloaded'],
    role: 'caller',
    example: { params: { limit: 50 }, result: { rows: [EXAMPLE_ROW], open: [], as_of: 'Yx0' } },
  },
  'requests.totals': {
    summary: 'Totals, statuses and latencies of all requests of a filter',
    description: `${own} Percentiles of many requests are right to 5 %, and of whole days of UTC.`,
    params: z.strictObject({ filter: requestFilter.optional(), as_of: asOf.optional() }),
    result: z.object({
      totals: reportTotals,
      by_status: z.record(z.string(), count),
      first_token_ms: percentiles,
      duration_ms: percentiles,
      exact_from: exactFrom,
      as_of: asOf,
    }),
    errors: ['bad-request', 'overloaded'],
    role: 'caller',
    example: {
      params: {},
      result: {
        totals: EXAMPLE_TOTALS,
        by_status: { finished: 3 },
        first_token_ms: { p50: 412, p95: 1900 },
        duration_ms: { p50: 2300, p95: 9800 },
        as_of: 'Yx0',
      },
    },
  },
  'requests.get': {
    summary: 'One request with its attempts, the rows of its group and its corrections',
    description: own,
    params: z.strictObject({ id: z.string().max(500).describe('Our id, or the one that a provider gave.') }),
    result: z.object({
      request: requestRow,
      attempts: z.array(
        z.object({
          endpoint: z.string(),
          code: z.string().describe('A code of our errors; `outrun` for one that a faster attempt overtook.'),
          status: z.int().optional().describe('HTTP status of the provider.'),
          ms: z.number(),
          gave_part: z.boolean().optional().describe('A part of the response came from it.'),
        }),
      ),
      upstream_cost_usd: usd.optional().describe('What the provider stated as its charge.'),
      price_version: z.string().optional(),
      finish_reason: z.string().optional(),
      referer: z.string().optional(),
      usage: z.record(z.string(), count).describe('Tokens and other units, by kind.'),
      corrections: z.array(
        z.object({ id: z.string(), cost_usd: usd.optional(), flag: z.string().optional() }),
      ),
      group: z
        .array(requestRow)
        .describe('All rounds and tool calls of the same chat, oldest first; else empty.'),
    }),
    errors: ['not-found', 'overloaded'],
    role: 'caller',
    example: {
      params: { id: 'gen-1' },
      result: {
        request: EXAMPLE_ROW,
        attempts: [],
        usage: { prompt: 12, completion: 34 },
        corrections: [],
        group: [],
      },
    },
  },
} as const satisfies Record<string, Method>
