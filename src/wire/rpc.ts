import { z } from 'zod'

import { aiMethods } from './rpc-ai.ts'
import { catalogMethods } from './rpc-catalog.ts'
import { configMethods } from './rpc-config.ts'
import { contextsMethods } from './rpc-contexts.ts'
import { infoMethods } from './rpc-info.ts'
import { logsMethods } from './rpc-logs.ts'
import { mcpMethods } from './rpc-mcp.ts'
import { limitsMethods } from './rpc-limits.ts'
import type { Method } from './rpc-method.ts'
import { metricsMethods } from './rpc-metrics.ts'
import { modelsMethods } from './rpc-models.ts'
import { providersMethods } from './rpc-providers.ts'
import { tokensMethods } from './rpc-tokens.ts'
import { usageMethods } from './rpc-usage.ts'

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

/** Everything the RPC door can be asked. A new method is a row in the file of its group; the compiler asks for its handler. */
export const methods = {
  ...infoMethods,
  ...modelsMethods,
  ...catalogMethods,
  ...providersMethods,
  ...mcpMethods,
  ...aiMethods,
  ...usageMethods,
  ...limitsMethods,
  ...contextsMethods,
  ...tokensMethods,
  ...metricsMethods,
  ...logsMethods,
  ...configMethods,
  ...discovery,
} as const satisfies Record<string, Method>

/** The methods whose calls may be as long as a chat. */
export const TAKE_MUCH: readonly string[] = Object.entries(methods).flatMap(([name, method]) =>
  'takesMuch' in method ? [name] : [],
)

export type MethodName = keyof typeof methods

export type Params<M extends MethodName> = z.infer<(typeof methods)[M]['params']>

export type Result<M extends MethodName> = z.infer<(typeof methods)[M]['result']>

/** Methods that go on answering for as long as somebody listens. */
export type StreamName = {
  [M in MethodName]: (typeof methods)[M] extends { readonly streams: true } ? M : never
}[MethodName]

export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(methods, name)
}

export type RoleOf<M extends MethodName> = (typeof methods)[M]['role']
