import type { Tool } from '@modelcontextprotocol/client'
import type { Money } from '../base/money.ts'
import type { RelayOptions } from './connection/connection.ts'
import type { Peer } from './connection/client-session.ts'
import type { ServerTrouble } from './upstream/server-set.ts'
import type { ToolCaller } from './policy/tool-policy.ts'

/** A tool under the name that callers use; `definition.name` is that name too. */
export interface ListedTool {
  readonly server: string
  readonly definition: Tool
  /** Of one call, as configured; absent when nobody knows, and zero is really free. */
  readonly price: Money | undefined
}

export interface ToolList {
  readonly tools: readonly ListedTool[]
  readonly unavailable: readonly ServerTrouble[]
}

/** A caller's session in a protocol revision that has them. Holds connections of its own until closed. */
export interface CallerSession {
  readonly id: string
  readonly peer: Peer
}

/** What a call may bring beyond its arguments. Without a `session` the caller can be asked nothing while it runs. */
export interface CallOptions extends Partial<RelayOptions> {
  readonly session?: CallerSession | undefined
  /** What the call is a part of; its row in the books says so. */
  readonly group?: string | undefined
  /** Hears how the call ended, also when it throws. */
  readonly onOutcome?: ((outcome: ToolOutcome) => void) | undefined
}

/** Writes calls into the books. `start` is awaited before the server is asked and may refuse by throwing. */
export interface ToolMeter {
  start(call: ToolCall): Promise<{ settle(outcome: ToolOutcome): void }>
}

export interface ToolCall {
  readonly id: string
  readonly caller: ToolCaller
  readonly server: string
  /** `server__tool`, whatever name the caller used. */
  readonly tool: string
  /** What the call costs once the server was asked; absent when nobody knows. */
  readonly price: Money | undefined
  readonly startedAt: number
  readonly group: string | undefined
}

export interface ToolOutcome {
  readonly status: 'finished' | 'cancelled' | 'failed'
  /** The call reached its server. */
  readonly wasAsked: boolean
  /** The price, or nothing when the server was never asked; absent when nobody knows. */
  readonly cost: Money | undefined
  readonly error: string | undefined
  readonly durationMs: number
}
