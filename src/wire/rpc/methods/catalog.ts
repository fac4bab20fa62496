import { z } from 'zod'

import type { Method } from '../method.ts'
import { count } from '../units.ts'

const time = z.string().describe('RFC 3339, UTC.')

const list = z
  .object({
    provider: z.string(),
    models: count.describe('How many the list in use has; 0 when there is none.'),
    fetched_at: time.optional().describe('When the list in use was fetched.'),
    tried_at: time.optional().describe('When it was last asked for.'),
    problem: z.string().optional().describe('Why that was refused; the last good list stays in use.'),
  })
  .meta({ id: 'ModelListStanding' })

export const catalogMethods = {
  'catalog.status': {
    summary: 'Where the models come from, how fresh that is, and what was refused',
    params: z.strictObject({}),
    result: z.object({
      version: z
        .string()
        .describe('Changes with every model, endpoint and price; rows of the ledger name it.'),
      models: count,
      available: count.describe('Models that can be answered here now.'),
      endpoints: count,
      unpriced: count.describe('Endpoints that can be asked now and whose price nobody knows.'),
      models_file: z.object({
        path: z.string(),
        problems: z.array(z.string()).describe('Why its last change was refused; empty when all is well.'),
      }),
      automatic: z
        .boolean()
        .describe('The lists are fetched every hour; `models.refresh` does it at any time.'),
      lists: z.array(list).describe('What providers publish themselves, as far as it was fetched.'),
    }),
    errors: [],
    role: 'caller',
    example: {
      params: {},
      result: {
        version: '9f2c11d0',
        models: 512,
        available: 420,
        endpoints: 800,
        unpriced: 0,
        models_file: { path: '/home/ada/hero/var/hero_aibroker/modelsconfig.yml', problems: [] },
        automatic: true,
        lists: [
          {
            provider: 'openrouter',
            models: 412,
            fetched_at: '2026-01-02T03:04:05.678Z',
            tried_at: '2026-01-02T04:04:05.678Z',
            problem: 'OpenRouter’s catalogue is refused: not one of its models has a price',
          },
        ],
      },
    },
  },
} as const satisfies Record<string, Method>
