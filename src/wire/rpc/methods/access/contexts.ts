import { z } from 'zod'

import { limitRule, limitSubject } from '../../limit-rule.ts'
import type { Method } from '../../method.ts'
import { count, unixSeconds, usd } from '../../units.ts'

const pin = limitRule
  .pick({
    providers: true,
    models: true,
    local_only: true,
    regions: true,
    no_training: true,
    no_retention: true,
    max_hops: true,
  })
  .meta({ id: 'Pin', description: 'Where the requests of a context may go; fallbacks stay within it.' })

const spent = {
  requests: count,
  cost_usd: usd.describe('The sum of known costs; see `unpriced`.'),
  unpriced: count.describe('Responses without a known price.'),
  last_used: unixSeconds.optional().describe('Absent when it never sent a request.'),
}

const summary = {
  context: z.string(),
  ...spent,
  pin: pin.optional().describe('The pin under every address; absent without one.'),
  has_socket: z.boolean().describe('Whether it has its own socket (`AIBROKER_CONTEXT_SOCKETS`).'),
}

const details = z
  .object({
    ...summary,
    addresses: z.array(z.object({ address: z.string(), ...spent })).describe('The highest cost first.'),
    rules: z
      .array(z.object({ subject: limitSubject, rule: limitRule }))
      .describe('Its rules, under every address or under one.'),
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
    summary: 'The contexts that sent requests, have rules or have a socket',
    params: z.strictObject({}),
    result: z.array(z.object(summary).meta({ id: 'Context' })),
    errors: [],
    role: 'admin',
    example: { params: {}, result: [EXAMPLE] },
  },
  'contexts.get': {
    summary: 'One context: its cost, its addresses and its rules',
    params: z.strictObject({ context }),
    result: details,
    errors: ['bad-context', 'not-found'],
    role: 'admin',
    example: { params: { context: 'lab' }, result: EXAMPLE_DETAILS },
  },
  'contexts.pin': {
    summary: 'Restricts a context to providers, to models, or to this host, from the next request on',
    description: 'Replaces its pin and keeps its limits; an empty pin removes the restriction.',
    params: z.strictObject({
      context,
      pin,
      address: z.string().optional().describe('Only under this address; under every address by default.'),
    }),
    result: details,
    errors: ['bad-context', 'not-found', 'store-full'],
    role: 'admin',
    example: { params: { context: 'lab', pin: { local_only: true } }, result: EXAMPLE_DETAILS },
  },
  'contexts.delete': {
    summary: 'Removes all rules of a context; its entries stay in the ledger',
    params: z.strictObject({ context }),
    result: z.object({ removed: count.describe('Number of removed rules.') }),
    errors: ['bad-context', 'store-full'],
    role: 'admin',
    example: { params: { context: 'lab' }, result: { removed: 1 } },
  },
} as const satisfies Record<string, Method>
