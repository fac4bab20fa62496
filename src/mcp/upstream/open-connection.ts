import {
  type PriorDiscovery,
  ProtocolError,
  SdkError,
  SdkErrorCode,
  SdkHttpError,
} from '@modelcontextprotocol/client'
import { BrokerError } from '../../base/errors.ts'
import type { ServerConfig } from '../config/config.ts'
import type { CallerClient } from '../connection/client-session.ts'
import { type ConnectionEvents, connect } from '../connection/connect.ts'
import type { Connection } from '../connection/connection.ts'
import { SupervisedConnection, type SupervisedOptions } from '../connection/supervised-connection.ts'
import { withoutSecrets } from '../policy/redact-secrets.ts'
import { createHttpTransport } from '../transport/http-transport.ts'
import type { ServerTransport } from '../transport/server-transport.ts'
import { ownProgram } from '../transport/own-program.ts'
import { createStdioTransport } from '../transport/stdio-transport.ts'
import type { UpstreamServerOptions } from './types.ts'

/** A start has two steps, the handshake and the first lists, and each may take `startTimeoutMs`. */
const START_STEPS = 2

export interface OpenConnectionOptions {
  readonly callerClient: CallerClient | undefined
  readonly prior: PriorDiscovery | undefined
  readonly events: ConnectionEvents
  readonly signal: AbortSignal
}

/** Starts the server's program, or reaches its URL, and connects. Throws what `connect` throws. */
export async function openConnection(
  server: Pick<UpstreamServerOptions, 'config' | 'identity' | 'clock' | 'log'>,
  options: OpenConnectionOptions,
): Promise<Connection> {
  const { config, identity } = server
  const transport = createTransport(server)
  try {
    return await connect({ ...options, config, identity, transport })
  } catch (error) {
    throw cutOffError(transport) ?? reachError(transport, config, error) ?? error
  }
}

/** The error for a server that could not be reached, or is no MCP server. */
function reachError(
  { failureReason }: ServerTransport,
  { address }: ServerConfig,
  cause: unknown,
): BrokerError | undefined {
  if (failureReason === undefined) return undefined
  return new BrokerError('upstream-failed', withoutSecrets(failureReason, address), { cause })
}

function createTransport({
  config,
  clock,
  log,
}: Pick<UpstreamServerOptions, 'config' | 'clock' | 'log'>): ServerTransport {
  const { name, address } = config
  if (address.type !== 'stdio') return createHttpTransport(name, address, { clock })
  log.info({ server: name, command: address.command }, 'mcp server: starting')
  return createStdioTransport(ownProgram(address), {
    clock,
    onGarbage: (line) =>
      log.debug?.({ server: name, length: line.length }, 'mcp server: ignored a line that is not a message'),
  })
}

/** A supervised connection to the server; its failures are logged. */
export function superviseConnection(
  { clock, random, log, config }: Pick<UpstreamServerOptions, 'clock' | 'random' | 'log' | 'config'>,
  open: SupervisedOptions['open'],
): SupervisedConnection {
  return new SupervisedConnection({
    server: config.name,
    idleMs: config.idleMs,
    startMs: START_STEPS * config.startTimeoutMs,
    clock,
    random,
    open,
    onFailure: (problem, cause) => {
      // The error itself is not logged: its text comes from the server and may contain the key that was given to it.
      const why = withoutSecrets(String(cause), config.address)
      log.warn({ server: config.name, why }, `mcp server: ${problem}`)
    },
  })
}

/** The error for a server that the broker cut off while it started. */
export function cutOffError({
  cutOffReason,
}: {
  readonly cutOffReason: string | undefined
}): BrokerError | undefined {
  return cutOffReason === undefined ? undefined : new BrokerError('upstream-failed', cutOffReason)
}

/** The error for a call whose server the broker cut off. */
export function cutOffDuringCall(server: string, problem: string): BrokerError {
  return new BrokerError('upstream-failed', `server “${server}” was cut off during the call: ${problem}`, {
    details: { provider: server },
  })
}

/** Whether the server ended, or answered unintelligibly, when it was probed for its protocol revision. */
export function isEraUnclear(error: unknown): boolean {
  return SdkError.isInstance(error) && error.code === SdkErrorCode.EraNegotiationFailed
}

/**
 * Whether the server no longer knows the session; it rejects the request without processing it. The protocol wants 404 (MCP
 * 2025-11-25, “Session Management”). Servers were also seen to send 410, 400 “No valid session ID provided” (python-sdk), 400 “Server
 * not initialized” (typescript-sdk, once restarted), 503 and, with status 200, the error −32001 of the SDKs.
 */
export function isSessionLost(error: unknown): boolean {
  if (SdkHttpError.isInstance(error))
    return GONE.has(error.status) || (error.status >= 400 && SESSION.test(String(error.data['text'])))
  return ProtocolError.isInstance(error) && error.code === SESSION_NOT_FOUND && SESSION.test(error.message)
}

const GONE: ReadonlySet<number> = new Set([404, 410])
const SESSION = /session|server not initialized/i
const SESSION_NOT_FOUND = -32_001
