import { z } from 'zod'

import type { Method } from '../method.ts'
import { count, unixSeconds, usd } from '../units.ts'

const histogram = z
  .object({
    count,
    sum_s: z.number().nonnegative(),
    buckets: z
      .array(z.object({ le_s: z.number(), count }))
      .describe('Cumulative counts: how many took at most `le_s` seconds; the rest took longer.'),
  })
  .meta({ id: 'Histogram', description: 'Seconds.' })

const figures = {
  requests: z
    .object({ finished: count, cancelled: count, broken: count, exhausted: count, failed: count })
    .describe(
      '`cancelled`: the caller disconnected; `broken`: the response failed after its first token; `exhausted`: the budget was used up; `failed`: no endpoint responded.',
    ),
  tokens: z.object({
    prompt: count,
    completion: count,
    cached_prompt: count.describe('Inside `prompt`.'),
    reasoning: count.describe('Inside `completion`.'),
  }),
  cost_usd: usd.describe('The sum of known costs.'),
  unpriced: count.describe('Responses without a known price.'),
  duration: histogram.describe('From the request to the end of the response.'),
  first_token: histogram.describe('From the request to the first token of the response.'),
}

const failure = z.object({ code: z.string(), count }).meta({ id: 'FailureCount' })

const endpointFigures = z
  .object({
    endpoint: z.string(),
    ...figures,
    failed_attempts: z
      .array(failure)
      .describe('Attempts that were followed by another endpoint, by error code.'),
  })
  .meta({ id: 'EndpointFigures' })

const providerFigures = z
  .object({
    provider: z.string(),
    keys: z
      .array(
        z.object({
          key: count,
          running: count,
          asked: count.describe('Requests sent with it.'),
          answered: count.describe('Requests with a complete response.'),
          failed: count.describe(
            'Requests that failed; the rest are still running, or their callers disconnected.',
          ),
          state: z.string(),
        }),
      )
      .describe(
        'Numbered by their place in the configuration, from 1. The counters restart when that changes.',
      ),
    endpoints: z.array(endpointFigures),
  })
  .meta({ id: 'ProviderFigures' })

const none = {
  requests: { finished: 0, cancelled: 0, broken: 0, exhausted: 0, failed: 0 },
  tokens: { prompt: 0, completion: 0, cached_prompt: 0, reasoning: 0 },
  cost_usd: '0',
  unpriced: 0,
  duration: { count: 0, sum_s: 0, buckets: [] },
  first_token: { count: 0, sum_s: 0, buckets: [] },
}

export const metricsMethods = {
  'metrics.get': {
    summary: 'Counters of this process: requests, tokens, cost, latency',
    description:
      'They restart with the process; `usage.summary` covers all time. `GET /metrics` has them for Prometheus.',
    params: z.strictObject({}),
    result: z.object({
      since: unixSeconds.describe('Start of the process.'),
      ...figures,
      open_requests: count,
      answers: z
        .array(z.object({ door: z.string(), status: z.int(), count }))
        .describe('HTTP responses by listener and status.'),
      memory_bytes: count.describe('Resident set size.'),
    }),
    errors: [],
    role: 'admin',
    example: {
      params: {},
      result: {
        since: 1_767_225_600,
        ...none,
        requests: { finished: 3, cancelled: 0, broken: 0, exhausted: 0, failed: 1 },
        open_requests: 0,
        answers: [{ door: 'rest', status: 200, count: 3 }],
        memory_bytes: 81_000_000,
      },
    },
  },
  'metrics.detailed': {
    summary: 'Counters of this process per provider, endpoint and key',
    params: z.strictObject({}),
    result: z.object({ since: unixSeconds, providers: z.array(providerFigures) }),
    errors: [],
    role: 'admin',
    example: {
      params: {},
      result: {
        since: 1_767_225_600,
        providers: [
          {
            provider: 'groq',
            keys: [{ key: 1, running: 0, asked: 5, answered: 3, failed: 2, state: 'ready' }],
            endpoints: [
              {
                endpoint: 'groq/llama-3.3-70b-versatile',
                ...none,
                failed_attempts: [{ code: 'upstream-busy', count: 2 }],
              },
            ],
          },
        ],
      },
    },
  },
} as const satisfies Record<string, Method>
