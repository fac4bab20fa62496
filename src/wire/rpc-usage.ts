import { z } from 'zod'

import type { Method } from './rpc-method.ts'
import { count, unixSeconds, usd } from './rpc-units.ts'

const counts = {
  requests: count,
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  cost_usd: usd.describe('The sum of what is known; see `unpriced`.'),
  uncertain_usd: usd.describe(
    'The most that answers with bounded counts can have cost on top, such as those a crash cut off.',
  ),
  unpriced: count.describe('Answers whose price nobody knows. They are not in `cost_usd`, and not free.'),
}

const totals = z.object(counts).meta({ id: 'UsageTotals' })

const modelUsage = z.object({ model: z.string(), ...counts }).meta({ id: 'ModelUsage' })

export const usageMethods = {
  'usage.summary': {
    summary: 'Requests, tokens and cost of a span of time, in all and per model',
    params: z.strictObject({
      since: unixSeconds
        .optional()
        .describe('Requests started then or later; from the first one without it.'),
      until: unixSeconds.optional().describe('Requests started before then; up to now without it.'),
    }),
    result: z.object({ totals, models: z.array(modelUsage).describe('The dearest first.') }),
    errors: [],
    role: 'caller',
    example: {
      params: { since: 1_767_225_600 },
      result: {
        totals: {
          requests: 3,
          prompt_tokens: 1200,
          completion_tokens: 340,
          total_tokens: 1540,
          cost_usd: '0.0003072',
          uncertain_usd: '0',
          unpriced: 0,
        },
        models: [
          {
            model: 'gpt-4o-mini',
            requests: 3,
            prompt_tokens: 1200,
            completion_tokens: 340,
            total_tokens: 1540,
            cost_usd: '0.0003072',
            uncertain_usd: '0',
            unpriced: 0,
          },
        ],
      },
    },
  },
} as const satisfies Record<string, Method>
