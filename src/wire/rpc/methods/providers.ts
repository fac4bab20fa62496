import { z } from 'zod'

import type { Method } from '../method.ts'
import { count } from '../units.ts'

const provider = z
  .object({
    name: z.string().describe('As the models file names it.'),
    display_name: z.string(),
    state: z
      .enum(['ready', 'no-key', 'cooling', 'failing'])
      .describe('`cooling`: every key waits for a limit to pass; `failing`: its last responses were errors.'),
    keys: count.describe('Number of keys in its pool.'),
    key_variables: z
      .array(z.string())
      .describe('Variables that its keys are read from; empty when it needs none.'),
    host: z.string().describe('Where its requests go: a host, or the path of a Unix socket.'),
    endpoints: count.describe('Number of models that it offers through this broker.'),
    priority: z.int().optional().describe('Set by `priority.set`; without it the models file decides.'),
    is_stand_in: z
      .boolean()
      .describe('Whether it is built in and never chosen by `auto` while a real provider is available.'),
    abort_stops_billing: z.boolean().describe('Whether aborting a stream also stops its billing.'),
    abort_stops_plain_billing: z
      .boolean()
      .describe('Whether aborting a request without a stream also stops its billing; false when unknown.'),
  })
  .meta({ id: 'ProviderDetails' })

const keyTest = z
  .object({
    key: count.optional().describe('Counted from 1, as configured; absent when it needs none.'),
    ok: z.boolean(),
    ms: z.number().nonnegative(),
    models: count.optional().describe('Number of models that it listed.'),
    clock_ahead_s: z
      .int()
      .optional()
      .describe('By how many seconds our clock is ahead of its clock; absent when it sends no time.'),
    error: z.string().optional(),
    status: z.int().optional().describe('HTTP status of the refusal.'),
  })
  .meta({ id: 'KeyTest' })

const percentiles = z
  .object({ p50: z.number(), p75: z.number(), p90: z.number(), p99: z.number() })
  .meta({ id: 'Percentiles', description: 'Of the last 30 minutes.' })

const endpointHealth = z
  .object({
    endpoint: z.string().describe('`provider/model_id`.'),
    circuit: z
      .enum(['closed', 'open', 'half-open'])
      .describe('`open`: not used after failures; `half-open`: one request is testing it.'),
    rest_ms: count.describe('Milliseconds until an open circuit lets a request through.'),
    latency_ms: percentiles.optional().describe('Time to the first token. Absent when unknown.'),
    tokens_per_second: percentiles.optional().describe('`p90` is what nine of ten responses reached.'),
    success_percent: z.number().optional().describe('Share of successful attempts in the last 30 minutes.'),
    malformed_events: count.describe('Events of its streams that were not JSON and were skipped.'),
  })
  .meta({ id: 'EndpointHealth' })

const keyHealth = z
  .object({
    provider: z.string(),
    key: count.describe('Counted from 1, as configured.'),
    state: z.string().describe('`ready`, or why it is not used.'),
    ready_in_ms: count,
    running: count.describe('Number of requests in flight.'),
  })
  .meta({ id: 'KeyHealth' })

const name = z.string().min(1).describe('As `providers.list` names it.')

export const providersMethods = {
  'providers.list': {
    summary: 'The providers that are configured here, and those that lack only a key',
    description:
      'A caller sees the configured ones that it may use, without `key_variables` and `host` (they are empty for it).',
    params: z.strictObject({}),
    result: z.array(provider),
    errors: [],
    role: 'caller',
    example: {
      params: {},
      result: [
        {
          name: 'groq',
          display_name: 'Groq',
          state: 'ready',
          keys: 2,
          key_variables: ['GROQ_API_KEY', 'GROQ_API_KEYS'],
          host: 'api.groq.com',
          endpoints: 9,
          priority: 1,
          is_stand_in: false,
          abort_stops_billing: false,
          abort_stops_plain_billing: false,
        },
      ],
    },
  },
  'providers.test': {
    summary: 'Tests each key of a provider by requesting its list of models',
    description: 'The reason of a refusal is part of the result. The test costs nothing.',
    params: z.strictObject({ provider: name }),
    result: z.object({
      provider: z.string(),
      ok: z.boolean().describe('Every key works.'),
      keys: z.array(keyTest),
    }),
    errors: ['not-found'],
    role: 'admin',
    example: {
      params: { provider: 'groq' },
      result: {
        provider: 'groq',
        ok: false,
        keys: [
          { key: 1, ok: true, ms: 182, models: 19, clock_ahead_s: 0 },
          { key: 2, ok: false, ms: 95, error: 'Invalid API Key', status: 401 },
        ],
      },
    },
  },
  'providers.health': {
    summary: 'The health of endpoints and keys, as used by routing',
    description:
      'Endpoints that were not used lately and never failed are omitted. A caller sees the endpoints of the providers that it may use, and no keys.',
    params: z.strictObject({ provider: name.optional().describe('Only this one.') }),
    result: z.object({ endpoints: z.array(endpointHealth), keys: z.array(keyHealth) }),
    errors: ['not-found'],
    role: 'caller',
    example: {
      params: { provider: 'groq' },
      result: {
        endpoints: [
          {
            endpoint: 'groq/llama-3.3-70b-versatile',
            circuit: 'closed',
            rest_ms: 0,
            latency_ms: { p50: 182, p75: 201, p90: 260, p99: 914 },
            tokens_per_second: { p50: 271, p75: 250, p90: 214, p99: 90 },
            success_percent: 99.2,
            malformed_events: 0,
          },
        ],
        keys: [{ provider: 'groq', key: 1, state: 'ready', ready_in_ms: 0, running: 3 }],
      },
    },
  },
  'priority.list': {
    summary: 'The priorities that were set with `priority.set`, which override the models file',
    params: z.strictObject({}),
    result: z.record(z.string(), z.int()).describe('Priority by provider; the lowest is tried first.'),
    errors: [],
    role: 'caller',
    example: { params: {}, result: { groq: 1 } },
  },
  'priority.set': {
    summary: 'Sets the priority of all endpoints of a provider, at once and permanently',
    description:
      'Leave gaps (1, 5, 10 …), so that another provider fits between. `null` restores the priorities of the models file.',
    params: z.strictObject({
      provider: name,
      priority: z.int().min(0).max(1_000_000).nullable().describe('The lowest is tried first.'),
    }),
    result: z.record(z.string(), z.int()).describe('All priorities that are set now.'),
    errors: ['not-found', 'store-full'],
    role: 'admin',
    example: { params: { provider: 'groq', priority: 1 }, result: { groq: 1 } },
  },
} as const satisfies Record<string, Method>
