import { type InputRequiredResult, type Tool, isInputRequiredResult } from '@modelcontextprotocol/client'
import type { NamedItem } from './config/tool-names.ts'
import type { Connection, RelayOptions } from './connection/connection.ts'
import type { RequestStateSeal } from './policy/request-state.ts'
import { withoutServerInfo } from './policy/result-limits.ts'
import { callerKey } from '../auth/caller.ts'
import type { ToolCaller, ToolPolicy } from './policy/tool-policy.ts'
import type { CallOptions, CallerSession } from './types.ts'
import type { ServerSet } from './upstream/server-set.ts'
import type { ConnectionScope } from './upstream/types.ts'

/** A signal that never fires. */
export const NEVER: AbortSignal = new AbortController().signal

/** What a request is sent to. `subject` names it within its server; a `requestState` is valid for this subject alone. */
interface RelayTarget {
  readonly server: string
  readonly subject: string
  readonly tool?: Tool
}

interface RequestRelayOptions {
  readonly servers: ServerSet
  /** The current policy; it is replaced when the configuration is read again. */
  readonly policy: () => ToolPolicy
  readonly seals: RequestStateSeal
}

/** Sends the requests of callers to the servers, under the policy. */
export class RequestRelay {
  readonly #options: RequestRelayOptions

  constructor(options: RequestRelayOptions) {
    this.#options = options
  }

  get servers(): ServerSet {
    return this.#options.servers
  }

  /** Policies name tools `server__tool`, also those of a server whose names are listed without prefix. */
  mayUse(caller: ToolCaller, { server, name }: NamedItem): boolean {
    return this.#options.policy().mayUse(caller, `${server}__${name}`)
  }

  /** The patterns for tools apply to resources too, as `server__uri`. */
  mayRead(caller: ToolCaller, server: string, uri: string): boolean {
    return this.#options.policy().mayUse(caller, `${server}__${uri}`)
  }

  /**
   * Sends one request. The server's `requestState` is sealed before the caller gets it and opened when it comes back.
   * Throws `over-limit`, `bad-request` for an invalid `requestState`, and the upstream errors.
   */
  async send<T extends { _meta?: Record<string, unknown> | undefined }>(
    caller: ToolCaller,
    { server, subject, tool }: RelayTarget,
    options: CallOptions,
    request: (connection: Connection, relayOptions: RelayOptions) => Promise<T | InputRequiredResult>,
  ): Promise<T | InputRequiredResult> {
    const { servers, policy, seals } = this.#options
    const { requestState, session, signal = NEVER } = options
    const binding = { caller: callerKey(caller), server, subject }
    const relayOptions: RelayOptions = {
      ...options,
      signal,
      requestState: requestState === undefined ? undefined : seals.open(requestState, binding),
      ...(session !== undefined && optionsOfSession(session)),
    }
    const leave = policy().startCall(caller)
    try {
      const result = await servers
        .get(server)
        .use(scopeOf(caller, session), (connection) => request(connection, relayOptions), { signal, tool })
      if (!isInputRequiredResult(result)) return withoutServerInfo(result)
      const state = result.requestState
      return { ...result, ...(typeof state === 'string' && { requestState: seals.seal(state, binding) }) }
    } finally {
      leave()
    }
  }
}

export function scopeOf(caller: ToolCaller, session: CallerSession | undefined): ConnectionScope {
  if (session === undefined) return { key: `caller ${callerKey(caller)}`, callerClient: undefined }
  return { key: `session ${session.id}`, callerClient: session.callerClient }
}

/** On a shared connection, the settings of the session are sent with each request. */
function optionsOfSession({ callerClient }: CallerSession): Partial<RelayOptions> {
  return {
    clientCapabilities: callerClient.capabilities,
    logLevel: callerClient.logLevel ?? 'info',
    onLog: (notification) => callerClient.notify(notification),
  }
}
