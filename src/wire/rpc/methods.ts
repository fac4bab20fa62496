import { z } from 'zod'

import { aiMethods } from './methods/ai.ts'
import { catalogMethods } from './methods/catalog.ts'
import { configMethods } from './methods/config.ts'
import { authMethods } from './methods/access/auth.ts'
import { contextsMethods } from './methods/access/contexts.ts'
import { eventsMethods } from './methods/reports/events.ts'
import { infoMethods } from './methods/info.ts'
import { logsMethods } from './methods/logs.ts'
import { mcpMethods } from './methods/mcp.ts'
import { limitsMethods } from './methods/access/limits.ts'
import type { Method } from './method.ts'
import { metricsMethods } from './methods/metrics.ts'
import { modelsMethods } from './methods/models.ts'
import { settingsMethods } from './methods/cascade/settings.ts'
import { reconcileMethods } from './methods/cascade/reconcile.ts'
import { leasesMethods } from './methods/cascade/leases.ts'
import { mothersMethods } from './methods/cascade/mothers.ts'
import { providersMethods } from './methods/providers.ts'
import { reportMethods } from './methods/reports/usage-query.ts'
import { requestsMethods } from './methods/reports/requests.ts'
import { tokensMethods } from './methods/access/tokens.ts'
import { usageMethods } from './methods/usage.ts'

const discovery = {
  'rpc.discover': {
    summary: 'This contract as an OpenRPC document',
    params: z.strictObject({}),
    result: z.looseObject({
      openrpc: z.string(),
      info: z.looseObject({ title: z.string(), version: z.string() }),
      methods: z.array(z.looseObject({ name: z.string() })),
    }),
    errors: [],
    role: 'open',
    example: {
      params: {},
      result: { openrpc: '1.3.2', info: { title: 'hero_aibroker', version: '0.1.0' }, methods: [] },
    },
  },
} as const satisfies Record<string, Method>

/** The contract of the RPC API. A new method is an entry in the file of its group; the compiler then requires its handler. */
export const methods = {
  ...infoMethods,
  ...modelsMethods,
  ...catalogMethods,
  ...providersMethods,
  ...mothersMethods,
  ...leasesMethods,
  ...reconcileMethods,
  ...settingsMethods,
  ...mcpMethods,
  ...aiMethods,
  ...usageMethods,
  ...reportMethods,
  ...requestsMethods,
  ...limitsMethods,
  ...contextsMethods,
  ...tokensMethods,
  ...metricsMethods,
  ...logsMethods,
  ...eventsMethods,
  ...authMethods,
  ...configMethods,
  ...discovery,
} as const satisfies Record<string, Method>

/** The methods whose calls may be as large as a chat. */
export const LARGE_METHODS: readonly string[] = Object.entries(methods).flatMap(([name, method]) =>
  'allowsLargeParams' in method ? [name] : [],
)

export type MethodName = keyof typeof methods

export type Params<M extends MethodName> = z.infer<(typeof methods)[M]['params']>

export type Result<M extends MethodName> = z.infer<(typeof methods)[M]['result']>

/** Methods that can stream. */
export type StreamName = {
  [M in MethodName]: (typeof methods)[M] extends { readonly streams: true } ? M : never
}[MethodName]

export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(methods, name)
}

export type RoleOf<M extends MethodName> = (typeof methods)[M]['role']
