import { z } from 'zod'

import { limitRule, limitSubject } from '../../limit-rule.ts'
import type { Method } from '../../method.ts'
import { count, unixSeconds, usd } from '../../units.ts'

const pin = limitRule
  .pick({ providers: true, models: true, local_only: true })
  .meta({ id: 'Pin', description: 'Where its requests may go; no fallback leads out of it.' })

const spent = {
  requests: count,
  cost_usd: usd.describe('Of what is known; see `unpriced`.'),
  unpriced: count.describe('Answers whose price nobody knows.'),
  last_used: unixSeconds.optional().describe('Absent when it never asked.'),
}

const summary = {
  context: z.string(),
  ...spent,
  pin: pin.optional().describe('Under every address; absent when it isn’t pinned.'),
  has_socket: z.boolean().describe('It has a socket of its own (`AIBROKER_CONTEXT_SOCKETS`).'),
}

const details = z
  .object({
    ...summary,
    addresses: z.array(z.object({ address: z.string(), ...spent })).describe('The dearest first.'),
    rules: z
      .array(z.object({ subject: limitSubject, rule: limitRule }))
      .describe('What was set for it, under every address or under one.'),
  })
  .meta({ id: 'ContextDetails' })

const context = z.string().describe('The label that a front sends as `X-Hero-Context`.')

const EXAMPLE = {
  context: 'lab',
  requests: 120,
  cost_usd: '1.25',
  unpriced: 0,
  last_used: 1_767_225_600,
  pin: { local_only: true },
  has_socket: false,
}

const EXAMPLE_DETAILS = {
  ...EXAMPLE,
  addresses: [
    { address: '10.0.0.1', requests: 120, cost_usd: '1.25', unpriced: 0, last_used: 1_767_225_600 },
  ],
  rules: [{ subject: { scope: 'context', context: 'lab' }, rule: { usd_per_day: '5', local_only: true } }],
}

export const contextsMethods = {
  'contexts.list': {
    summary: 'The contexts that asked, or that something was set for',
    params: z.strictObject({}),
    result: z.array(z.object(summary).meta({ id: 'Context' })),
    errors: [],
    role: 'admin',
    example: { params: {}, result: [EXAMPLE] },
  },
  'contexts.get': {
    summary: 'One context: what it spent, from which addresses, and what was set for it',
    params: z.strictObject({ context }),
    result: details,
    errors: ['bad-context', 'not-found'],
    role: 'admin',
    example: { params: { context: 'lab' }, result: EXAMPLE_DETAILS },
  },
  'contexts.pin': {
    summary: 'Pins a context to providers, to models, or to this host, from the next request on',
    description: 'Replaces its pin and leaves its limits; an empty pin lets it go anywhere.',
    params: z.strictObject({
      context,
      pin,
      address: z.string().optional().describe('Only under this address; under every one without it.'),
    }),
    result: details,
    errors: ['bad-context', 'not-found', 'store-full'],
    role: 'admin',
    example: { params: { context: 'lab', pin: { local_only: true } }, result: EXAMPLE_DETAILS },
  },
  'contexts.delete': {
    summary: 'Takes away all that was set for a context; what it spent stays in the ledger',
    params: z.strictObject({ context }),
    result: z.object({ removed: count.describe('How many rules there were.') }),
    errors: ['bad-context', 'store-full'],
    role: 'admin',
    example: { params: { context: 'lab' }, result: { removed: 1 } },
  },
} as const satisfies Record<string, Method>
