import type { Tool } from '@modelcontextprotocol/client'
import type { Money } from '../base/money.ts'
import type { RelayOptions } from './connection/connection.ts'
import type { CallerClient } from './connection/client-session.ts'
import type { ServerProblem } from './upstream/server-set.ts'
import type { ToolCaller } from './policy/tool-policy.ts'

/** A tool under the name that callers use, which is also its `definition.name`. */
export interface ListedTool {
  readonly server: string
  readonly definition: Tool
  /** The configured price of one call: `undefined` if unknown, zero if free. */
  readonly price: Money | undefined
}

export interface ToolList {
  readonly tools: readonly ListedTool[]
  readonly unavailable: readonly ServerProblem[]
}

/** A caller's session, in a protocol revision that has sessions. It has its own connections to servers until it is closed. */
export interface CallerSession {
  readonly id: string
  readonly callerClient: CallerClient
}

/** Options of a call. Without a `session`, servers can send the caller no requests while the call runs. */
export interface CallOptions extends Partial<RelayOptions> {
  readonly session?: CallerSession | undefined
  /** The group that the call's ledger entry belongs to, the id of a chat for example. */
  readonly group?: string | undefined
  /** Receives the outcome of the call, also when it throws. */
  readonly onOutcome?: ((outcome: ToolOutcome) => void) | undefined
}

/** Records calls in the ledger. `start` is awaited before the call is sent and may reject it by throwing. */
export interface ToolMeter {
  start(call: ToolCall): Promise<{ settle(outcome: ToolOutcome): void }>
}

export interface ToolCall {
  readonly id: string
  readonly caller: ToolCaller
  readonly server: string
  /** `server__tool`, also for a server whose tools are listed without prefix. */
  readonly tool: string
  /** The cost of the call once it is sent; `undefined` if unknown. */
  readonly price: Money | undefined
  readonly startedAt: number
  readonly group: string | undefined
}

export interface ToolOutcome {
  readonly status: 'finished' | 'cancelled' | 'failed'
  /** Whether the call was sent to its server. */
  readonly wasSent: boolean
  /** The price, or zero if the call was never sent; `undefined` if the price is unknown. */
  readonly cost: Money | undefined
  readonly error: string | undefined
  readonly durationMs: number
}
