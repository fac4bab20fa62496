import { z } from 'zod'

import type { Method } from '../../method.ts'

export const authMethods = {
  'auth.whoami': {
    summary: 'Who is calling, and which methods that caller may use',
    params: z.strictObject({}),
    result: z.object({
      role: z.enum(['caller', 'admin']),
      address: z.string(),
      context: z.string().optional(),
      token: z.string().optional().describe('Id of the token, never the token itself.'),
      methods: z.array(z.string()).describe('Names of the methods of this contract that it may call.'),
    }),
    errors: [],
    role: 'caller',
    example: { params: {}, result: { role: 'admin', address: 'local', methods: ['health', 'info'] } },
  },
} as const satisfies Record<string, Method>
