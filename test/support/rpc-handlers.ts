import type { Handlers } from '../../src/doors/rpc/handlers.ts'
import { methods } from '../../src/wire/rpc.ts'

/** Handlers that answer each method with the example of its contract. */
export const exampleHandlers = Object.fromEntries(
  Object.entries(methods)
    .filter(([name]) => name !== 'rpc.discover')
    .map(([name, { example }]) => [name, async () => structuredClone(example.result)]),
) as unknown as Handlers
