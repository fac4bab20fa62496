import { z } from 'zod'

import type { Method } from '../method.ts'
import { count } from '../units.ts'

const provider = z
  .object({
    name: z.string().describe('As the models file names it.'),
    display_name: z.string(),
    keys: count.describe('Number of keys in its pool.'),
    endpoints: count.describe('Number of models that it offers through this broker.'),
    proxy: z
      .string()
      .optional()
      .describe('The HTTP proxy through which it is reached; absent when it is reached directly.'),
    state: z
      .enum(['ready', 'no-key', 'cooling', 'failing'])
      .describe(
        '`cooling`: every key is waiting for a limit to pass; `failing`: its last responses were errors.',
      ),
  })
  .meta({ id: 'Provider' })

const modelsConfig = z
  .object({
    path: z.string(),
    models: count,
    problems: z.array(z.string()).optional().describe('Rows that were skipped, with the reason.'),
  })
  .meta({ id: 'ModelsConfig' })

export const infoMethods = {
  health: {
    summary: 'Whether the broker is up',
    params: z.strictObject({}),
    result: z.object({
      status: z.literal('ok'),
      service: z.string(),
      version: z.string(),
      uptime_s: z.number().nonnegative(),
    }),
    errors: ['stopping'],
    role: 'open',
    example: {
      params: {},
      result: { status: 'ok', service: 'hero_aibroker', version: '0.1.0', uptime_s: 12.5 },
    },
  },
  info: {
    summary: 'What this broker is: its sockets, providers, models file and warnings',
    description:
      'A caller sees the providers and models that it may use and its own open requests; sockets, address, paths and warnings are empty or absent for it.',
    params: z.strictObject({}),
    result: z.object({
      version: z.string(),
      is_mother: z.boolean().describe('Started with `--mother`: it calls itself the root of a cascade.'),
      mother_count: count.describe('Brokers above this one.'),
      uptime_s: z.number().nonnegative(),
      sockets: z.array(z.string()).describe('Paths of the Unix sockets it listens on.'),
      tcp: z
        .object({ address: z.string(), port: z.int() })
        .optional()
        .describe('Absent without a TCP listener.'),
      providers: z.array(provider),
      models: count,
      data_dir: z.string(),
      models_config: modelsConfig,
      routing_strategy: z.string().describe('The strategy of `auto`: `cheapest` or `best`.'),
      open_requests: count,
      warnings: z.array(z.string()).describe('What an operator should know, a sentence each.'),
    }),
    errors: [],
    role: 'caller',
    example: {
      params: {},
      result: {
        version: '0.1.0',
        is_mother: false,
        mother_count: 0,
        uptime_s: 12.5,
        sockets: ['/home/ada/hero/var/sockets/hero_aibroker/rpc.sock'],
        providers: [{ name: 'groq', display_name: 'Groq', keys: 2, endpoints: 9, state: 'ready' }],
        models: 48,
        data_dir: '/home/ada/hero/var/hero_aibroker',
        models_config: { path: '/home/ada/hero/var/hero_aibroker/modelsconfig.yml', models: 48 },
        routing_strategy: 'cheapest',
        open_requests: 0,
        warnings: [],
      },
    },
  },
} as const satisfies Record<string, Method>
