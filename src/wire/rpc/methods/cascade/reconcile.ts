import { z } from 'zod'

import type { Method } from '../../method.ts'
import { count, moment, usd } from '../../units.ts'

const difference = z
  .object({
    id: z.string().describe('Of our entry.'),
    ours_usd: usd.optional().describe('What our entry says, corrections included; absent when unknown.'),
    theirs_usd: usd.optional(),
    ours_high_usd: usd.optional().describe('The upper bound, where the cost is uncertain.'),
    theirs_high_usd: usd.optional(),
  })
  .meta({ id: 'ChargeDifference' })

export const reconcileMethods = {
  'ledger.reconcile': {
    summary: 'Compares entry by entry what the ledger says with what the brokers above charge',
    description:
      'Entries of requests that went to mothers alone. Changes nothing: what a crash left uncertain is corrected by itself as soon as the mothers can be asked.',
    params: z.strictObject({
      mother: z.string().min(1).max(128).optional().describe('Only entries that may have gone to this one.'),
      since: moment.optional().describe('Requests started at this time or later.'),
      until: moment.optional().describe('Requests started before this time.'),
      limit: z.int().min(1).max(10_000).optional().describe('The newest so many entries; 1000 by default.'),
    }),
    result: z.object({
      compared: count,
      equal: count,
      open: count.describe('Entries that still run at a mother.'),
      unanswered: count.describe('Entries whose mothers could not be asked.'),
      ours_usd: usd.describe('The sum of our entries that were compared.'),
      theirs_usd: usd.describe('What the mothers charge for them.'),
      list_usd: usd.describe('What they cost by our own prices, as far as those are known.'),
      differences: z.array(difference),
    }),
    errors: [],
    role: 'admin',
    example: {
      params: { mother: 'ai_broker_mother' },
      result: {
        compared: 120,
        equal: 120,
        open: 1,
        unanswered: 0,
        ours_usd: '0.0421',
        theirs_usd: '0.0421',
        list_usd: '0.0463',
        differences: [],
      },
    },
  },
} as const satisfies Record<string, Method>
