import { z } from 'zod'

import type { Method } from '../method.ts'
import { count } from '../units.ts'

const setting = z
  .object({
    name: z.string(),
    value: z
      .union([z.string(), z.number(), z.boolean()])
      .optional()
      .describe('Absent when it is not set; a secret shows as `***`.'),
    source: z.enum([
      'environment',
      'credentials',
      'secrets-file',
      'file-variable',
      'keys-command',
      'flag',
      'default',
    ]),
    variable: z.string().optional().describe('The variable or flag that sets it.'),
  })
  .meta({ id: 'Setting' })

export const configMethods = {
  'config.get': {
    summary: 'The settings in effect and the source of each',
    params: z.strictObject({}),
    result: z.object({ settings: z.array(setting) }),
    errors: [],
    role: 'admin',
    example: {
      params: {},
      result: {
        settings: [
          { name: 'routing_strategy', value: 'best', source: 'environment', variable: 'ROUTING_STRATEGY' },
          { name: 'admin_token', source: 'default', variable: 'ADMIN_TOKEN' },
        ],
      },
    },
  },
  'config.reload': {
    summary: 'Reloads the models file, and keys from their sources',
    description:
      'The models file is also read whenever it changes. Keys of providers that were added to `.env`, to another source of secrets, ' +
      'or removed from it, take effect at once. A file with an error is refused and changes nothing; so is a file that lost all or more than ' +
      'half of its models or variables, which is rather cut off than meant, unless `force` is set. Other variables, flags, `ADMIN_TOKEN` ' +
      'and `HERO_SECRET` are fixed until the next start.',
    params: z.strictObject({
      force: z.boolean().optional().describe('Accepts a file that lost all or most of what it had.'),
    }),
    result: z.object({
      path: z.string(),
      models: count,
      providers: count.describe('Providers that can be used now.'),
      keys: count.describe('Keys of providers in use now.'),
      needs_restart: z
        .array(z.string())
        .optional()
        .describe(
          'Variables that changed in `.env` but take effect only at the next start: the old values are still in use.',
        ),
    }),
    errors: [],
    role: 'admin',
    example: {
      params: {},
      result: {
        path: '/home/ada/hero/var/hero_aibroker/modelsconfig.yml',
        models: 48,
        providers: 3,
        keys: 5,
      },
    },
  },
} as const satisfies Record<string, Method>
