import { z } from 'zod'

import { limitRule } from '../../limit-rule.ts'
import type { Method } from '../../method.ts'
import { moment, unixSeconds } from '../../units.ts'

const token = z
  .object({
    id: z.string(),
    label: z.string(),
    created_at: unixSeconds,
    expires_at: unixSeconds.optional(),
    disabled: z.boolean(),
    rule: limitRule
      .optional()
      .describe('What it may do; without it only the rules of whoever shows it hold.'),
  })
  .meta({
    id: 'Token',
    description: 'What is known of a token. The token itself is seen once, when it is created.',
  })

const id = z.string().describe('As `tokens.list` says it.')

const EXAMPLE = { id: 'tok-3kq9', label: 'ci', created_at: 1_767_225_600, disabled: false }

export const tokensMethods = {
  'tokens.list': {
    summary: 'The tokens that callers may show',
    params: z.strictObject({}),
    result: z.array(token),
    errors: [],
    role: 'admin',
    example: { params: {}, result: [EXAMPLE] },
  },
  'tokens.create': {
    summary: 'Makes a token, to be seen this once',
    params: z.strictObject({
      label: z.string().min(1).max(128).describe('For people.'),
      expires_at: moment.optional(),
      rule: limitRule.optional().describe('Limits, budgets and the models it may ask for.'),
    }),
    result: token.extend({ token: z.string().describe('To be sent as `Authorization: Bearer`.') }),
    errors: ['not-found', 'store-full'],
    role: 'admin',
    example: {
      params: { label: 'ci', rule: { usd_per_month: '10' } },
      result: { ...EXAMPLE, rule: { usd_per_month: '10' }, token: 'hb-example' },
    },
  },
  'tokens.disable': {
    summary: 'Makes a token useless until it is enabled again',
    params: z.strictObject({ id }),
    result: token,
    errors: ['not-found'],
    role: 'admin',
    example: { params: { id: 'tok-3kq9' }, result: { ...EXAMPLE, disabled: true } },
  },
  'tokens.enable': {
    summary: 'Makes a disabled token good again',
    params: z.strictObject({ id }),
    result: token,
    errors: ['not-found'],
    role: 'admin',
    example: { params: { id: 'tok-3kq9' }, result: EXAMPLE },
  },
  'tokens.delete': {
    summary: 'Forgets a token; what it spent stays in the ledger under its id',
    params: z.strictObject({ id }),
    result: z.object({ removed: z.boolean().describe('False when there was none.') }),
    errors: [],
    role: 'admin',
    example: { params: { id: 'tok-3kq9' }, result: { removed: true } },
  },
} as const satisfies Record<string, Method>
