import { z } from 'zod'

import { limitRule, limitSubject } from '../../limit-rule.ts'
import type { Method } from '../../method.ts'
import { count, usd } from '../../units.ts'

const storedRule = z.object({ subject: limitSubject, rule: limitRule }).meta({ id: 'StoredLimitRule' })

const standing = z
  .object({
    name: z.string().describe('The subject of the budget, as text.'),
    period: z.enum(['hour', 'day', 'month', 'total']),
    budget_usd: usd,
    spent_usd: usd,
    held_usd: usd.describe('Held for requests that are running.'),
    left_usd: usd,
    resets_at: count.optional().describe('Unix seconds.'),
  })
  .meta({ id: 'BudgetStanding' })

export const limitsMethods = {
  'limits.list': {
    summary: 'All limits',
    params: z.strictObject({}),
    result: z.array(storedRule),
    errors: [],
    role: 'admin',
    example: { params: {}, result: [{ subject: { scope: 'default' }, rule: { requests_per_minute: 60 } }] },
  },
  'limits.set': {
    summary: 'Sets the limits of an address, a context or a token, from the next request on',
    params: z.strictObject({ subject: limitSubject, rule: limitRule.describe('Replaces the whole rule.') }),
    result: storedRule,
    errors: ['bad-context', 'not-found', 'store-full'],
    role: 'admin',
    example: {
      params: { subject: { scope: 'context', context: 'lab' }, rule: { usd_per_day: '5', local_only: true } },
      result: { subject: { scope: 'context', context: 'lab' }, rule: { usd_per_day: '5', local_only: true } },
    },
  },
  'limits.remove': {
    summary: 'Removes the limits of a subject',
    params: z.strictObject({ subject: limitSubject }),
    result: z.object({ removed: z.boolean().describe('False when there was none.') }),
    errors: ['bad-context'],
    role: 'admin',
    example: { params: { subject: { scope: 'default' } }, result: { removed: true } },
  },
  'limits.standing': {
    summary: 'The budgets of a caller and what is left of them; of the calling one without params',
    description:
      'A budget may be shared: that of an address counts the requests of all its contexts and tokens. Only an administrator may name another caller.',
    params: z.strictObject({
      address: z.string().optional(),
      context: z.string().optional(),
      token: z.string().optional().describe('Id of a token.'),
    }),
    result: z.array(standing),
    errors: ['bad-context', 'forbidden'],
    role: 'caller',
    example: {
      params: { address: '10.0.0.1', context: 'lab' },
      result: [
        {
          name: 'context “lab” of 10.0.0.1',
          period: 'day',
          budget_usd: '5',
          spent_usd: '1.25',
          held_usd: '0.01',
          left_usd: '3.74',
          resets_at: 1_767_225_600,
        },
      ],
    },
  },
  'limits.near': {
    summary: 'Budgets of which at least a share is used, the fullest first',
    description:
      'An administrator sees those of all subjects that have a rule, a caller those that apply to it.',
    params: z.strictObject({
      percent: z.number().min(0).max(100).optional().describe('Used at least; 80 by default.'),
      limit: z.int().min(1).max(200).optional().describe('Maximum number of budgets; 50 by default.'),
    }),
    result: z.array(standing.extend({ used_percent: z.number() })),
    errors: [],
    role: 'caller',
    example: {
      params: { percent: 80 },
      result: [
        {
          name: 'context “lab” of 10.0.0.1',
          period: 'day',
          budget_usd: '5',
          spent_usd: '4.5',
          held_usd: '0',
          left_usd: '0.5',
          used_percent: 90,
        },
      ],
    },
  },
} as const satisfies Record<string, Method>
