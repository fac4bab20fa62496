import type { FastifyRequest } from 'fastify'
import type { ToolBroker } from '../../mcp/mcp-gateway.ts'
import type { ToolCaller } from '../../mcp/policy/tool-policy.ts'

/** Identifies the caller of a request. Throws `unauthorized`, `bad-context` or `forbidden`. */
type FindCaller = (request: FastifyRequest) => ToolCaller | Promise<ToolCaller>

/** What the MCP routes need. */
export interface McpDoor {
  readonly toolBroker: ToolBroker
  readonly findCaller: FindCaller
}
