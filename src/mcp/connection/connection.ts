import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  Client,
  type ClientCapabilities,
  type CompleteRequestParams,
  type CompleteResult,
  type GetPromptResult,
  type InputRequiredResult,
  type LoggingLevel,
  LOG_LEVEL_META_KEY,
  type PriorDiscovery,
  type Progress,
  type ReadResourceResult,
  type RequestOptions,
  type ServerCapabilities,
  type Tool,
} from '@modelcontextprotocol/client'
import type { ServerConfig } from '../config/config.ts'
import type { McpNotification } from './client-session.ts'
import type { ServerTransport } from '../transport/server-transport.ts'

/** Options of a request that the server may answer with `input_required`; the caller then sends it again with its input. */
export interface RelayOptions {
  readonly signal: AbortSignal
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** The caller's own capabilities, forwarded unchanged. */
  readonly clientCapabilities?: ClientCapabilities | undefined
  readonly inputResponses?: Record<string, unknown> | undefined
  readonly requestState?: string | undefined
  readonly logLevel?: LoggingLevel | undefined
  readonly onLog?: ((notification: McpNotification) => void) | undefined
  /** The W3C trace context: `traceparent`, `tracestate`, `baggage`. */
  readonly trace?: Record<string, unknown> | undefined
  /** What a server of ours receives about the caller. */
  readonly callerMeta?: Readonly<Record<string, unknown>> | undefined
}

export type ListKind = 'tools' | 'prompts' | 'resources'

/** One open client connection to a server. Built by `connect`. */
export class Connection {
  readonly era: 'legacy' | 'modern'
  readonly capabilities: ServerCapabilities
  readonly instructions: string | undefined
  /** The negotiated revision; given to the next connection to this server, it saves the probe. */
  readonly prior: PriorDiscovery
  readonly #client: Client
  readonly #config: ServerConfig
  readonly #transport: ServerTransport
  readonly #listProblems: () => readonly string[]
  /** Without sessions a log message does not name its call, so only one call at a time may receive log messages. */
  #onLog: ((notification: McpNotification) => void) | undefined

  constructor(
    client: Client,
    config: ServerConfig,
    transport: ServerTransport,
    listProblems: () => readonly string[],
  ) {
    this.#listProblems = listProblems
    const discover = client.getDiscoverResult()
    this.#client = client
    this.#transport = transport
    this.#config = config
    this.era = client.getProtocolEra() === 'modern' ? 'modern' : 'legacy'
    this.capabilities = client.getServerCapabilities() ?? {}
    this.instructions = client.getInstructions()
    this.prior =
      this.era === 'modern' && discover !== undefined ? { kind: 'modern', discover } : { kind: 'legacy' }
    client.setNotificationHandler('notifications/message', ({ method, params }) =>
      this.#onLog?.({ method, params }),
    )
  }

  /** Why the broker cut the server off; `undefined` while it has not. */
  get cutOffReason(): string | undefined {
    return this.#transport.cutOffReason
  }

  /** The items of its lists that were left out when they were last loaded, and why. */
  get listProblems(): readonly string[] {
    return this.#listProblems()
  }

  async listTools(signal: AbortSignal): Promise<Tool[]> {
    if (this.capabilities.tools === undefined) return []
    return (await this.#client.listTools(undefined, this.#listOptions(signal))).tools
  }

  async listPrompts(signal: AbortSignal) {
    if (this.capabilities.prompts === undefined) return []
    return (await this.#client.listPrompts(undefined, this.#listOptions(signal))).prompts
  }

  async listResources(signal: AbortSignal) {
    if (this.capabilities.resources === undefined) return []
    return (await this.#client.listResources(undefined, this.#listOptions(signal))).resources
  }

  async listResourceTemplates(signal: AbortSignal) {
    if (this.capabilities.resources === undefined) return []
    return (await this.#client.listResourceTemplates(undefined, this.#listOptions(signal))).resourceTemplates
  }

  /** `definition` is the definition the caller saw; it states which arguments are also sent as headers. */
  callTool(
    definition: Tool,
    args: Record<string, unknown>,
    options: RelayOptions,
  ): Promise<CallToolResult | InputRequiredResult> {
    // The output schema is removed: compiling a schema from an untrusted server to check its own result is only a risk.
    const { outputSchema: _, ...toolDefinition } = definition
    return this.#relay(options, (params, requestOptions) =>
      this.#client.callTool(
        { name: definition.name, arguments: args, ...params },
        { ...requestOptions, toolDefinition },
      ),
    )
  }

  getPrompt(
    name: string,
    args: Record<string, string>,
    options: RelayOptions,
  ): Promise<GetPromptResult | InputRequiredResult> {
    return this.#relay(options, (params, requestOptions) =>
      this.#client.getPrompt({ name, arguments: args, ...params }, requestOptions),
    )
  }

  readResource(uri: string, options: RelayOptions): Promise<ReadResourceResult | InputRequiredResult> {
    return this.#relay(options, (params, requestOptions) =>
      this.#client.readResource({ uri, ...params }, { ...requestOptions, cacheMode: 'bypass' }),
    )
  }

  complete(params: CompleteRequestParams, signal: AbortSignal): Promise<CompleteResult> {
    return this.#client.complete(params, this.#options(signal))
  }

  async setLogLevel(level: LoggingLevel, signal: AbortSignal): Promise<void> {
    if (this.era === 'legacy' && this.capabilities.logging !== undefined) {
      await this.#client.setLoggingLevel(level, this.#options(signal))
    }
  }

  /** Subscribes to a resource: `onResourceUpdated` is called on each change until the returned function is called. */
  async watchResource(uri: string, signal: AbortSignal): Promise<() => Promise<void>> {
    if (this.era === 'modern') {
      const subscription = await this.#client.listen({ resourceSubscriptions: [uri] }, this.#options(signal))
      return () => subscription.close()
    }
    await this.#client.subscribeResource({ uri }, this.#options(signal))
    return async () => {
      await this.#client.unsubscribeResource({ uri }, { timeout: this.#config.callTimeoutMs })
    }
  }

  /** Subscribes to list changes where the protocol requires it. Resolves with `true` when the subscription ends, and with
   * `false` at once where none is needed. */
  async watchLists(signal: AbortSignal): Promise<boolean> {
    const { tools, prompts, resources } = this.capabilities
    const filter = {
      ...(tools?.listChanged === true && { toolsListChanged: true }),
      ...(prompts?.listChanged === true && { promptsListChanged: true }),
      ...(resources?.listChanged === true && { resourcesListChanged: true }),
    }
    if (this.era !== 'modern' || Object.keys(filter).length === 0) return false
    const subscription = await this.#client.listen(filter, this.#options(signal))
    await subscription.closed
    return true
  }

  async close(): Promise<void> {
    await this.#client.close().catch(() => undefined)
  }

  async #relay<T>(
    options: RelayOptions,
    send: (params: Record<string, unknown>, requestOptions: RequestOptions) => Promise<T>,
  ): Promise<T> {
    const wantsLog =
      options.logLevel !== undefined && options.onLog !== undefined && this.#onLog === undefined
    if (wantsLog && this.era === 'modern') this.#onLog = options.onLog
    const meta = {
      ...options.trace,
      ...options.callerMeta,
      ...(this.era === 'modern' && {
        [CLIENT_CAPABILITIES_META_KEY]: options.clientCapabilities ?? {},
        ...(wantsLog && { [LOG_LEVEL_META_KEY]: options.logLevel }),
      }),
    }
    const params = {
      ...(Object.keys(meta).length > 0 && { _meta: meta }),
      ...(options.inputResponses !== undefined && { inputResponses: options.inputResponses }),
      ...(options.requestState !== undefined && { requestState: options.requestState }),
    }
    try {
      return await send(params, {
        ...this.#options(options.signal),
        allowInputRequired: true,
        resetTimeoutOnProgress: true,
        maxTotalTimeout: this.#config.maxCallMs,
        // Progress is always requested: it also resets the timeout of a slow call.
        onprogress: (progress) => options.onProgress?.(progress),
      })
    } finally {
      if (wantsLog && this.#onLog === options.onLog) this.#onLog = undefined
    }
  }

  #options(signal: AbortSignal) {
    return { signal, timeout: this.#config.callTimeoutMs }
  }

  #listOptions(signal: AbortSignal) {
    return { signal, timeout: this.#config.startTimeoutMs, cacheMode: 'bypass' as const }
  }
}
