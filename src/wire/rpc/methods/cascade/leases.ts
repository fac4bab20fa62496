import { z } from 'zod'

import type { Method } from '../../method.ts'
import { count, unixSeconds, usd } from '../../units.ts'

const lease = z
  .object({
    id: z.string(),
    address: z.string().describe('Of the broker that holds it.'),
    token: z.string().optional().describe('Id of the token that it showed.'),
    granted_usd: usd.describe('What it was granted in all; it only rises.'),
    returned_usd: usd.describe('What it has given back in all; it only rises.'),
    spent_usd: usd.describe('What requests under it have spent or hold.'),
    left_usd: usd.describe('What the next requests may spend.'),
    expires_at: unixSeconds.describe('Then what is left is free again. Each exchange moves it.'),
    models: z.array(z.string()).optional(),
    providers: z.array(z.string()).optional(),
  })
  .meta({ id: 'Lease' })

const name = z.string().min(1).max(64)
const LEASE = {
  id: 'lease-0kCh2bV9xQ4mT7nPs1aZ',
  address: '10.0.0.7',
  granted_usd: '1',
  returned_usd: '0',
  spent_usd: '0.25',
  left_usd: '0.75',
  expires_at: 1_790_000_060,
}

const held = z
  .object({
    mother: z.string().describe('Id of the broker above.'),
    size_usd: usd.describe('What is asked for in advance: `lease_usd` of the mother.'),
    id: z.string().optional().describe('Absent until the first exchange.'),
    granted_usd: usd.optional().describe('What it was granted in all; it only rises.'),
    returned_usd: usd.optional().describe('What it has given back in all; it only rises.'),
    spent_usd: usd.describe('What requests under it have spent, by this broker’s count.'),
    held_usd: usd.describe('What running requests may cost at most.'),
    left_usd: usd.describe('What the next requests may spend without asking the mother.'),
    expires_in_ms: count.optional().describe('How long it lasts without another exchange.'),
    problem: z.string().optional().describe('Why the last exchange failed.'),
  })
  .meta({ id: 'HeldLease' })

export const leasesMethods = {
  'leases.list': {
    summary: 'The parts of budgets that brokers below may spend',
    params: z.strictObject({}),
    result: z.array(lease),
    errors: [],
    role: 'admin',
    example: { params: {}, result: [LEASE] },
  },
  'leases.held': {
    summary: 'The leases of this broker at the brokers above it',
    params: z.strictObject({}),
    result: z.array(held),
    errors: [],
    role: 'admin',
    example: {
      params: {},
      result: [
        {
          mother: 'ai_broker_mother',
          size_usd: '1',
          id: LEASE.id,
          granted_usd: '1',
          returned_usd: '0',
          spent_usd: '0.25',
          held_usd: '0.05',
          left_usd: '0.7',
          expires_in_ms: 41_000,
        },
      ],
    },
  },
  'leases.exchange': {
    summary: 'For a broker below: takes, renews and gives back a part of its budget, in one message',
    description:
      'Amounts count from the beginning of the lease and only rise, so that saying the same twice changes nothing. When `known_usd` is less than what was granted, an answer was lost, and nothing new is granted. A request is charged under a lease with the header `x-aibroker-lease`.',
    params: z.strictObject({
      want_usd: usd.describe(
        'What is wanted besides. As much as the budgets of the caller leave is granted.',
      ),
      lease: name.optional().describe('Without it a new lease begins.'),
      known_usd: usd.optional().describe('What the holder believes it was granted in all; 0 by default.'),
      returned_usd: usd.optional().describe('What it gives back in all; 0 by default.'),
      models: z
        .array(name)
        .max(64)
        .optional()
        .describe('Of a new lease: only these; `author/*` is a prefix.'),
      providers: z.array(name).max(64).optional().describe('Of a new lease: only these.'),
    }),
    result: lease.extend({ expires_in_ms: count.describe('How long it lasts without another exchange.') }),
    errors: ['over-budget', 'over-limit', 'store-full'],
    role: 'caller',
    example: { params: { want_usd: '1' }, result: { ...LEASE, expires_in_ms: 60_000 } },
  },
  'leases.end': {
    summary: 'Ends a lease now: what is left of it is free again, and later requests under it are refused',
    params: z.strictObject({ lease: name }),
    result: z.object({ removed: z.boolean() }),
    errors: [],
    role: 'admin',
    example: { params: { lease: LEASE.id }, result: { removed: true } },
  },
} as const satisfies Record<string, Method>
