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
      .describe('Its limits; without it only the rules of the caller that uses it apply.'),
  })
  .meta({
    id: 'Token',
    description:
      'The metadata of a token. The token itself is returned only once, when it is created or rotated.',
  })

const id = z.string().describe('As `tokens.list` returns it.')

const EXAMPLE = { id: 'tok-3kq9', label: 'ci', created_at: 1_767_225_600, disabled: false }

export const tokensMethods = {
  'tokens.list': {
    summary: 'The tokens of callers',
    params: z.strictObject({}),
    result: z.array(token),
    errors: [],
    role: 'admin',
    example: { params: {}, result: [EXAMPLE] },
  },
  'tokens.create': {
    summary: 'Creates a token and returns it, only this once',
    params: z.strictObject({
      label: z.string().min(1).max(128).describe('A name for people.'),
      expires_at: moment.optional(),
      rule: limitRule.optional().describe('Limits, budgets and allowed models.'),
    }),
    result: token.extend({ token: z.string().describe('Send it as `Authorization: Bearer`.') }),
    errors: ['not-found', 'store-full'],
    role: 'admin',
    example: {
      params: { label: 'ci', rule: { usd_per_month: '10' } },
      result: { ...EXAMPLE, rule: { usd_per_month: '10' }, token: 'hb-example' },
    },
  },
  'tokens.update': {
    summary: 'Changes the label or the end of a token; `limits.set` changes its limits',
    params: z.strictObject({
      id,
      label: z.string().min(1).max(128).optional().describe('Absent means that it stays.'),
      expires_at: moment
        .nullable()
        .optional()
        .describe('Absent means that it stays; null means that the token never expires.'),
    }),
    result: token,
    errors: ['not-found'],
    role: 'admin',
    example: { params: { id: 'tok-3kq9', label: 'build' }, result: { ...EXAMPLE, label: 'build' } },
  },
  'tokens.rotate': {
    summary: 'Replaces the secret of a token, returns the new one only this once, and refuses the old one',
    params: z.strictObject({ id }),
    result: token.extend({ token: z.string().describe('Send it as `Authorization: Bearer`.') }),
    errors: ['not-found'],
    role: 'admin',
    example: { params: { id: 'tok-3kq9' }, result: { ...EXAMPLE, token: 'hb-example' } },
  },
  'tokens.disable': {
    summary: 'Disables a token until it is enabled again',
    params: z.strictObject({ id }),
    result: token,
    errors: ['not-found'],
    role: 'admin',
    example: { params: { id: 'tok-3kq9' }, result: { ...EXAMPLE, disabled: true } },
  },
  'tokens.enable': {
    summary: 'Enables a disabled token',
    params: z.strictObject({ id }),
    result: token,
    errors: ['not-found'],
    role: 'admin',
    example: { params: { id: 'tok-3kq9' }, result: EXAMPLE },
  },
  'tokens.delete': {
    summary: 'Deletes a token; its entries stay in the ledger under its id',
    params: z.strictObject({ id }),
    result: z.object({ removed: z.boolean().describe('False when there was none.') }),
    errors: [],
    role: 'admin',
    example: { params: { id: 'tok-3kq9' }, result: { removed: true } },
  },
} as const satisfies Record<string, Method>
