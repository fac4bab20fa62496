import type { Handlers } from '../../src/doors/rpc/handlers.ts'
import { methods } from '../../src/wire/rpc.ts'

/** Handlers that answer each method with the example of its contract. */
export const exampleHandlers: Handlers = {
  health: async () => methods.health.example.result,
  info: async () => structuredClone(methods.info.example.result) as never,
  'models.list': async () => structuredClone(methods['models.list'].example.result) as never,
  'models.refresh': async () => [],
  'mcp.list_tools': async () => structuredClone(methods['mcp.list_tools'].example.result) as never,
  'mcp.call_tool': async () => structuredClone(methods['mcp.call_tool'].example.result) as never,
  'mcp.servers': async () => structuredClone(methods['mcp.servers'].example.result) as never,
  'usage.summary': async () => structuredClone(methods['usage.summary'].example.result) as never,
}
