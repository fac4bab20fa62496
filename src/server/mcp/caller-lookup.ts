import type { FastifyRequest } from 'fastify'
import type { McpGateway } from '../../mcp/mcp-gateway.ts'
import type { ToolCaller } from '../../mcp/policy/tool-policy.ts'

/** Identifies the caller of a request. Throws `unauthorized`, `bad-context` or `forbidden`. */
type Authenticate = (request: FastifyRequest) => ToolCaller | Promise<ToolCaller>

/** What the MCP routes need. */
export interface McpAccess {
  readonly toolBroker: McpGateway
  readonly authenticate: Authenticate
}
