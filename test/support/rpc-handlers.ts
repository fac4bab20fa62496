import type { Handlers } from '../../src/doors/rpc/handlers.ts'
import { methods } from '../../src/wire/rpc.ts'

/** Handlers that answer each method with the example of its contract. */
export const exampleHandlers: Handlers = {
  health: async () => methods.health.example.result,
  info: async () => structuredClone(methods.info.example.result) as never,
  'models.list': async () => structuredClone(methods['models.list'].example.result) as never,
  'models.refresh': async () => [],
  'usage.summary': async () => structuredClone(methods['usage.summary'].example.result) as never,
}
