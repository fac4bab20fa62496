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

/** A word from a server that asks for no answer. */
export interface Notice {
  readonly method: string
  readonly params?: Record<string, unknown> | undefined
}

/**
 * Who is at the other end of a caller's session, and what they can be asked while a call runs. Only protocol revisions
 * with sessions have one; a caller without a session can be asked nothing.
 */
export interface Peer {
  readonly capabilities: ClientCapabilities
  sample(
    params: CreateMessageRequestParams,
    signal: AbortSignal,
  ): Promise<CreateMessageResult | CreateMessageResultWithTools>
  elicit(params: ElicitRequestParams, signal: AbortSignal): Promise<ElicitResult>
  roots(signal: AbortSignal): Promise<ListRootsResult>
  notify(notice: Notice): void
  /** The lowest level of log messages that this caller wants; `undefined` for all of them. */
  readonly logLevel: LoggingLevel | undefined
}
