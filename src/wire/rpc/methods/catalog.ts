import { z } from 'zod'

import type { Method } from '../method.ts'
import { count } from '../units.ts'

const time = z.string().describe('RFC 3339, UTC.')

const list = z
  .object({
    provider: z.string(),
    models: count.describe('Number of models in the list in use; 0 when there is none.'),
    fetched_at: time.optional().describe('When the list in use was fetched.'),
    tried_at: time.optional().describe('When a fetch was last tried.'),
    problem: z
      .string()
      .optional()
      .describe('Why the last fetch was refused; the last good list stays in use.'),
  })
  .meta({ id: 'ModelListStanding' })

export const catalogMethods = {
  'catalog.status': {
    summary: 'The sources of the models, their age, and what was refused',
    description:
      'A caller’s figures are those of the models that it may use; the path and the problems of the models file are empty for it.',
    params: z.strictObject({}),
    result: z.object({
      version: z.string().describe('Changes with every model, endpoint and price; ledger entries carry it.'),
      models: count,
      available: count.describe('Models that can be used here now.'),
      endpoints: count,
      unpriced: count.describe('Endpoints that can be used now and have no known price.'),
      models_file: z.object({
        path: z.string(),
        problems: z.array(z.string()).describe('Why its last change was refused; empty when it is valid.'),
      }),
      automatic: z
        .boolean()
        .describe('Whether the lists are fetched every hour; `models.refresh` fetches them at any time.'),
      lists: z.array(list).describe('The lists that providers publish, as far as they were fetched.'),
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
