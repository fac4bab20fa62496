import { z } from 'zod'

import type { Method } from '../../method.ts'
import { count, unixSeconds } from '../../units.ts'

const mother = z
  .object({
    id: z.string().describe('Assigned by the broker; also her name as a provider.'),
    address: z.string().optional(),
    port: z.int().optional(),
    url: z.string().optional().describe('In place of address and port.'),
    socket: z.string().optional().describe('Path of her `rest.sock`, in place of address and port.'),
    label: z.string().optional(),
    priority: z.int().describe('Of all her endpoints; `priority.set` overrides it.'),
    enabled: z.boolean(),
    tls: z.boolean(),
    fingerprint: z.string().optional().describe('SHA-256 of the only certificate that is accepted.'),
    lease_usd: z.string().optional().describe('What this broker asks her for in advance.'),
    has_token: z.boolean().describe('Whether this broker sends her a bearer token, which is never shown.'),
    token_env: z.string().optional().describe('The environment variable that the token is read from.'),
    state: z
      .enum(['up', 'down', 'unknown', 'disabled'])
      .describe('`down`: her last list of models could not be fetched; `unknown`: it was not requested yet.'),
    models: count.describe('Number of models that she offers.'),
    problem: z.string().optional().describe('Why she is down.'),
    checked_at: unixSeconds.optional().describe('When her models were last requested.'),
  })
  .meta({ id: 'Mother' })

/** What `mothers.add` and `mothers.update` share. */
const fields = {
  address: z.string().min(1).max(255).nullable().optional().describe('An IP address or a host name.'),
  port: z.int().min(1).max(65_535).nullable().optional(),
  label: z.string().min(1).max(128).nullable().optional().describe('A name for people.'),
  priority: z
    .int()
    .min(0)
    .max(1_000_000)
    .optional()
    .describe('The lowest is tried first; 10 by default. Leave gaps: 1, 5, 10 …'),
  enabled: z.boolean().optional().describe('True by default.'),
  url: z
    .string()
    .min(1)
    .max(2048)
    .nullable()
    .optional()
    .describe('Base URL with its path, such as `https://ai.example.org/v1`.'),
  socket: z.string().min(1).max(512).nullable().optional().describe('Absolute path of her `rest.sock`.'),
  token: z.string().min(1).max(4096).nullable().optional().describe('The bearer token to send her.'),
  token_env: z
    .string()
    .regex(/^[A-Z_][A-Z0-9_]*$/)
    .max(128)
    .nullable()
    .optional()
    .describe('A variable to read the token from, so that it is not stored.'),
  tls: z.boolean().optional().describe('Reach address and port over TLS.'),
  fingerprint: z
    .string()
    .max(128)
    .nullable()
    .optional()
    .describe('SHA-256 of her certificate in hexadecimal: no other one is accepted.'),
  lease_usd: z
    .string()
    .max(32)
    .regex(/^\d+(\.\d{1,9})?$/)
    .nullable()
    .optional()
    .describe('US dollars of a lease to ask her for in advance; requests to her are then sent under it.'),
}

const changed = z.object({ id: z.string(), success: z.literal(true) }).meta({ id: 'MotherChanged' })
const id = z.string().min(1).max(128).describe('As `mothers.list` names her.')
const CHANGED = { id: 'ai_broker_mother', success: true }

export const mothersMethods = {
  'mothers.list': {
    summary: 'The brokers above this one: where they are, and whether they are up',
    params: z.strictObject({}),
    result: z.array(mother),
    errors: [],
    role: 'admin',
    example: {
      params: {},
      result: [
        {
          id: 'ai_broker_mother',
          address: '127.0.0.1',
          port: 33850,
          label: 'root',
          priority: 1,
          enabled: true,
          tls: false,
          has_token: false,
          state: 'up',
          models: 48,
          checked_at: 1_790_000_000,
        },
      ],
    },
  },
  'mothers.add': {
    summary: 'Registers a broker above this one; her models are offered as soon as she lists them',
    description:
      'Name her by `address` and `port`, by `url`, or by `socket`. The change is stored, and takes effect without a restart; open requests go on. A mother that is down is asked again and again.',
    params: z.strictObject(fields),
    result: changed,
    errors: ['store-full', 'unreachable'],
    role: 'admin',
    example: { params: { address: '127.0.0.1', port: 33850, priority: 1 }, result: CHANGED },
  },
  'mothers.update': {
    summary: 'Changes some fields of a mother; the others stay, and `null` clears one',
    params: z.strictObject({ id, ...fields }),
    result: changed,
    errors: ['not-found', 'store-full', 'unreachable'],
    role: 'admin',
    example: { params: { id: 'ai_broker_mother', priority: 5 }, result: CHANGED },
  },
  'mothers.remove': {
    summary: 'Removes a mother with her models; open requests to her go on',
    params: z.strictObject({ id }),
    result: changed,
    errors: ['not-found', 'store-full', 'unreachable'],
    role: 'admin',
    example: { params: { id: 'ai_broker_mother' }, result: CHANGED },
  },
} as const satisfies Record<string, Method>
