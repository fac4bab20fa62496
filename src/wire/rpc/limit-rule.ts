import { z } from 'zod'

import { parseUsd } from '../../base/money.ts'
import { usd } from './units.ts'

const positiveCount = z.int().positive()
const budget = usd
  .refine((text) => !text.startsWith('-'), 'should not be negative')
  .refine(isMoney, 'should be an amount in whole nano-dollars, such as "2.50"')

/** The limits of an address, a context or a token. An absent field sets no limit. */
export const limitRule = z
  .strictObject({
    requests_per_minute: positiveCount.optional(),
    tokens_per_minute: positiveCount
      .optional()
      .describe(
        'Of prompt and response together. A request counts with all that it may use (its prompt, and its max_tokens or the maximum of the model) until it ends, and then with what it has used. Without max_tokens, the response may be capped, which x-aibroker-limited states.',
      ),
    concurrent: positiveCount.optional().describe('Maximum number of concurrent requests.'),
    usd_per_hour: budget.optional().describe('Hours, days and months are in UTC.'),
    usd_per_day: budget.optional(),
    usd_per_month: budget.optional(),
    usd_total: budget.optional(),
    allow_unpriced: z
      .boolean()
      .optional()
      .describe(
        'Whether endpoints without a known price may be used although there is a budget. False by default.',
      ),
    providers: z.array(z.string()).min(1).optional().describe('Only these providers.'),
    models: z
      .array(z.string())
      .min(1)
      .optional()
      .describe('Only these models; a name may end in `*`, such as `openai/*`.'),
    hedge: z
      .boolean()
      .optional()
      .describe(
        'Whether a second provider may be called as well when the first is unusually slow to begin a stream; both may charge. Without it the setting of the model holds.',
      ),
    local_only: z.boolean().optional().describe('Only providers that run on this host.'),
    regions: z
      .array(z.string().regex(/^[A-Z]{2}$/, 'should be a country in two capitals, such as DE'))
      .min(1)
      .max(64)
      .optional()
      .describe('Only providers of companies in these countries (ISO 3166); an unknown country is refused.'),
    no_training: z
      .boolean()
      .optional()
      .describe('Only providers that are known not to train models on prompts and responses.'),
    no_retention: z
      .boolean()
      .optional()
      .describe('Only providers that are known to keep nothing beyond the request.'),
    max_hops: z
      .int()
      .min(0)
      .max(16)
      .optional()
      .describe('How many brokers above this one a request may pass; with 0 no mother is used.'),
  })
  .meta({ id: 'LimitRule' })

export type LimitRule = z.infer<typeof limitRule>

/** Which requests a rule applies to. */
export const limitSubject = z
  .union([
    z.strictObject({ scope: z.literal('default') }),
    z.strictObject({ scope: z.literal('everybody') }),
    z.strictObject({ scope: z.literal('address'), address: z.string() }),
    z.strictObject({ scope: z.literal('context'), context: z.string(), address: z.string().optional() }),
    z.strictObject({ scope: z.literal('token'), token: z.string() }),
  ])
  .meta({
    id: 'LimitSubject',
    description:
      '`default`: each context of each address separately; `context`: one context, under every address separately or under one address; `address`: all contexts of an address together; `everybody`: all requests together; `token`: the requests of a token.',
  })

export type LimitSubject = z.infer<typeof limitSubject>

function isMoney(text: string): boolean {
  try {
    parseUsd(text)
    return true
  } catch {
    return false
  }
}
