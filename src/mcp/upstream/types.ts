import type { Implementation } from '@modelcontextprotocol/client'
import type { Clock } from '../../base/clock.ts'
import type { ServerConfig } from '../config/config.ts'
import type { CallerClient } from '../connection/client-session.ts'
import type { ListKind } from '../connection/connection.ts'
import type { SupervisedState } from '../connection/supervised-connection.ts'
import type { ToolPins } from './pinning/tool-pinning.ts'

/** The log of servers and calls; a pino logger fits. */
export interface McpLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  debug?(details: object, message: string): void
}

/** The owner of a connection's state: one caller, or one session of a caller. */
export interface ConnectionScope {
  readonly key: string
  /** The client of the session; absent for a caller without one. */
  readonly callerClient: CallerClient | undefined
}

export interface ServerStatus {
  readonly name: string
  readonly state: SupervisedState | 'disabled'
  /** Why the server is down or its lists are incomplete, in words for people. */
  readonly problem: string | undefined
  readonly era: 'legacy' | 'modern' | undefined
  readonly tools: number
  readonly connections: number
  readonly restarts: number
  readonly callsRunning: number
  readonly warnings: readonly string[]
  /** The variables of the broker that its program inherits; empty for a running server. */
  readonly inherits: readonly string[]
}

export interface UpstreamServerOptions {
  readonly config: ServerConfig
  readonly identity: Implementation
  readonly pins: ToolPins
  readonly clock: Clock
  /** Returns a number in [0, 1). */
  readonly random: () => number
  readonly log: McpLog
  readonly onChanged: (kind: ListKind) => void
}
