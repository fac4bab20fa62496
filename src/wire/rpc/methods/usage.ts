import { z } from 'zod'

import type { Method } from '../method.ts'
import { count, moment, usd } from '../units.ts'

const counts = {
  requests: count,
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  cached_tokens: count.describe('Of the prompt tokens, those read from a provider’s cache.'),
  reasoning_tokens: count.describe('Of the completion tokens.'),
  cost_usd: usd.describe('The sum of known costs; see `unpriced`.'),
  uncertain_usd: usd.describe(
    'What responses of uncertain cost may have cost beyond `cost_usd`, up to their upper bounds. Budgets count it.',
  ),
  unpriced: count.describe('Responses without a known price. They are not in `cost_usd`, and not free.'),
}

const refused = z
  .object({
    over_budget: count.describe('402: a budget does not cover them.'),
    over_limit: count.describe('429: a rate limit is reached.'),
    unavailable: count.describe('503: the broker could not take them, such as with a full disk.'),
  })
  .describe(
    'Requests that were refused before anything was held for them. They cost nothing and have no row; whole days of UTC that the period touches are counted.',
  )
  .meta({ id: 'RefusedRequests' })

const totals = z.object(counts).meta({ id: 'UsageTotals' })

const modelUsage = z.object({ model: z.string(), ...counts }).meta({ id: 'ModelUsage' })

const period = {
  since: moment.optional().describe('Requests started at this time or later; from the first one by default.'),
  until: moment.optional().describe('Requests started before this time; up to now by default.'),
}

const filter = z.strictObject({
  ...period,
  address: z.string().optional(),
  context: z.string().optional().describe('Empty for requests without a context.'),
  token: z.string().optional().describe('Id of a token; empty for requests without one.'),
})

const EXAMPLE_COUNTS = {
  requests: 3,
  prompt_tokens: 1200,
  completion_tokens: 340,
  total_tokens: 1540,
  cached_tokens: 200,
  reasoning_tokens: 0,
  cost_usd: '0.0003072',
  uncertain_usd: '0',
  unpriced: 0,
}

function splitBy<Name extends string>(name: Name, describe: string, example: string) {
  return {
    summary: `Requests, tokens and cost, ${describe}`,
    params: filter,
    result: z.array(
      z.object({ [name]: z.string(), ...counts } as { [N in Name]: z.ZodString } & typeof counts),
    ),
    errors: [],
    role: 'admin',
    example: { params: {}, result: [{ [name]: example, ...EXAMPLE_COUNTS }] },
  } as const
}

const ledgerAnchor = z
  .strictObject({
    version: z.literal(1),
    seq: count.describe('The last entry.'),
    digest: z.string().max(100).describe('SHA-256 (base64) over the last hash of every payer.'),
    requests: count.describe('Of all entries up to there.'),
    cost_usd: usd,
    uncertain_usd: usd,
    taken_at: moment,
    public_key: z.string().max(200).describe('Ed25519 key of the broker, SPKI in base64.'),
    signature: z.string().max(200),
  })
  .meta({ id: 'LedgerAnchor' })

const EXAMPLE_ANCHOR = {
  version: 1,
  seq: 1200,
  digest: 'ucvf7Tg4tYlPpsmQg6Vz6Zb0rTTSBTYsTqTwFUxgWqs=',
  requests: 1200,
  cost_usd: '0.4172',
  uncertain_usd: '0',
  taken_at: 1_767_225_600,
  public_key: 'MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=',
  signature: 'vZ0mbwTlpEJrWCqJ4oZ4eHyyTjXnkGq1Kp6Xw0sVPz8BpOjzuBwaUHCUX3VgJxqtPZsO3s5hNQCNrFTdTBq3Bw==',
} as const

export const usageMethods = {
  'usage.summary': {
    summary: 'Requests, tokens and cost of a period, in total and per model',
    description:
      'A caller gets its own: those of its address, context and token. An administrator gets those of all callers.',
    params: z.strictObject(period),
    result: z.object({ totals, models: z.array(modelUsage).describe('The highest cost first.'), refused }),
    errors: [],
    role: 'caller',
    example: {
      params: { since: 1_767_225_600 },
      result: {
        totals: EXAMPLE_COUNTS,
        models: [{ model: 'gpt-4o-mini', ...EXAMPLE_COUNTS }],
        refused: { over_budget: 2, over_limit: 5, unavailable: 0 },
      },
    },
  },
  'usage.by_address': splitBy('address', 'per address', '10.0.0.1'),
  'usage.by_context': splitBy('context', 'per context', 'lab'),
  'usage.by_token': splitBy('token', 'per token', 'tok-3kq9'),
  'usage.by_model': splitBy('model', 'per model that responded', 'gpt-4o-mini'),
  'usage.by_day': splitBy('day', 'per day of UTC', '2026-01-31'),
  'ledger.verify': {
    summary:
      'Checks every entry in the hash chain of its payer, all totals, the balances, and an anchor that was kept elsewhere',
    params: z.strictObject({
      anchor: ledgerAnchor
        .optional()
        .describe(
          'From `ledger.anchor`. Proves that the ledger up to there is the same: no end cut off, no old copy.',
        ),
    }),
    result: z.object({
      rows: count,
      payers: count,
      broken: z
        .object({
          seq: count.describe('0 when the problem is none of a single entry.'),
          id: z.string(),
          address: z.string(),
          context: z.string().optional(),
          reason: z.string(),
        })
        .optional()
        .describe('The first problem. Absent when there is none.'),
      problems: z
        .array(
          z.object({
            kind: z
              .enum(['row', 'totals', 'heads', 'memory', 'anchor', 'marks'])
              .describe(
                'An entry; totals of a day; the last hashes of payers at a roll-up; what the running broker knows; the anchor; the bookkeeping of the file.',
              ),
            reason: z.string(),
            seq: count.optional(),
            id: z.string().optional(),
            address: z.string().optional(),
            context: z.string().optional(),
          }),
        )
        .optional()
        .describe('Everything that is wrong, at most 51. Absent when nothing is.'),
      head: z
        .object({ seq: count, digest: z.string() })
        .optional()
        .describe('The last entry, and a digest of all up to it.'),
    }),
    errors: ['bad-request'],
    role: 'admin',
    example: {
      params: {},
      result: { rows: 1200, payers: 3, head: { seq: 1200, digest: EXAMPLE_ANCHOR.digest } },
    },
  },
  'ledger.anchor': {
    summary:
      'Verifies the ledger and returns its signed state, to be kept elsewhere for a later `ledger.verify`',
    params: z.strictObject({}),
    result: ledgerAnchor,
    errors: ['internal'],
    role: 'admin',
    example: { params: {}, result: EXAMPLE_ANCHOR },
  },
  'ledger.rerate': {
    summary: 'Recomputes past costs with current prices and books the differences as new entries',
    params: z.strictObject({
      ...period,
      trial: z.boolean().optional().describe('Only returns what would be booked.'),
    }),
    result: z.object({
      looked: count,
      adjusted: count,
      difference_usd: usd.describe('The change of the total cost.'),
      price_version: z.string(),
    }),
    errors: [],
    role: 'admin',
    example: {
      params: { trial: true },
      result: { looked: 1200, adjusted: 7, difference_usd: '-0.0021', price_version: '9f2c11d0' },
    },
  },
} as const satisfies Record<string, Method>
