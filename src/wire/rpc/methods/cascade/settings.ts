import { z } from 'zod'

import type { Method } from '../../method.ts'
import { count } from '../../units.ts'

const record = z.record(z.string().max(64), z.string().max(4096))
const mothers = z
  .record(z.string().regex(/^ai_broker_mother\d{0,6}$/), record)
  .describe('By id, in the fields of the store; stored tokens are left out.')
const priorities = z.record(z.string().min(1).max(128), z.int().min(0).max(1_000_000))

export const settingsMethods = {
  'settings.export': {
    summary: 'Mothers and priorities as they are stored, for another store',
    params: z.strictObject({}),
    result: z.object({
      location: z.string().describe('Where they are stored.'),
      mothers,
      priorities,
      without_token: z.array(z.string()).describe('Mothers whose stored token is left out.'),
    }),
    errors: ['unreachable'],
    role: 'admin',
    example: {
      params: {},
      result: {
        location: '/home/ada/hero/var/hero_aibroker/requests.db',
        mothers: {
          ai_broker_mother: { address: '127.0.0.1', port: '33850', priority: '1', enabled: 'true' },
        },
        priorities: { groq: 1 },
        without_token: [],
      },
    },
  },
  'settings.import': {
    summary: 'Stores exported mothers and priorities; others that are there stay',
    description: 'A token that is stored for a mother of the same id stays.',
    params: z.strictObject({ mothers: mothers.optional(), priorities: priorities.optional() }),
    result: z.object({ location: z.string(), mothers: count, priorities: count }),
    errors: ['store-full', 'unreachable'],
    role: 'admin',
    example: {
      params: { priorities: { groq: 1 } },
      result: { location: '/run/valkey.sock, database 3', mothers: 0, priorities: 1 },
    },
  },
} as const satisfies Record<string, Method>
