import type {
  ClientCapabilities,
  CreateMessageRequestParams,
  CreateMessageResult,
  CreateMessageResultWithTools,
  ElicitRequestParams,
  ElicitResult,
  ListRootsResult,
  LoggingLevel,
} from '@modelcontextprotocol/client'

/** A JSON-RPC notification from a server. */
export interface McpNotification {
  readonly method: string
  readonly params?: Record<string, unknown> | undefined
}

/**
 * The MCP client at the other end of a caller's session: servers may send it requests while a call runs. It exists only
 * in protocol revisions with sessions; without a session, servers can send the caller no requests.
 */
export interface CallerClient {
  readonly capabilities: ClientCapabilities
  sample(
    params: CreateMessageRequestParams,
    signal: AbortSignal,
  ): Promise<CreateMessageResult | CreateMessageResultWithTools>
  elicit(params: ElicitRequestParams, signal: AbortSignal): Promise<ElicitResult>
  roots(signal: AbortSignal): Promise<ListRootsResult>
  notify(notification: McpNotification): void
  /** The lowest level of log messages that this caller receives; `undefined` for all levels. */
  readonly logLevel: LoggingLevel | undefined
}
