import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  Client,
  type ClientCapabilities,
  type CompleteRequestParams,
  type CompleteResult,
  type GetPromptResult,
  type Implementation,
  type InputRequiredResult,
  type LoggingLevel,
  LOG_LEVEL_META_KEY,
  type PriorDiscovery,
  type Progress,
  type ReadResourceResult,
  type RequestOptions,
  type ServerCapabilities,
  type Tool,
  type Transport,
} from '@modelcontextprotocol/client'
import { BrokerError } from '../../base/errors.ts'
import type { ServerConfig } from '../config/config.ts'
import type { Notice, Peer } from './client-session.ts'
import { LONGEST_MESSAGE_BYTES, type ServerTransport } from '../transport/server-transport.ts'

/** A request that may be answered by a question to the caller (`input_required`), and is then asked again. */
export interface RelayOptions {
  readonly signal: AbortSignal
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** What this caller can answer; passed on as it is, never more. */
  readonly clientCapabilities?: ClientCapabilities | undefined
  readonly inputResponses?: Record<string, unknown> | undefined
  readonly requestState?: string | undefined
  readonly logLevel?: LoggingLevel | undefined
  readonly onLog?: ((notice: Notice) => void) | undefined
  /** `traceparent`, `tracestate`, `baggage`. */
  readonly trace?: Record<string, unknown> | undefined
}

interface ConnectionEvents {
  onListChanged(kind: ListKind): void
  onResourceUpdated(uri: string): void
  onClosed(): void
}

export type ListKind = 'tools' | 'prompts' | 'resources'

/** Our live link to one server. */
export class Connection {
  readonly era: 'legacy' | 'modern'
  readonly capabilities: ServerCapabilities
  readonly instructions: string | undefined
  /** Spares the next connection to the same server the question which revision it speaks. */
  readonly prior: PriorDiscovery
  readonly #client: Client
  readonly #config: ServerConfig
  readonly #transport: ServerTransport
  /** On a connection without sessions a log message names no call, so one call at a time may ask for them. */
  #onLog: ((notice: Notice) => void) | undefined

  constructor(client: Client, config: ServerConfig, transport: ServerTransport) {
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

  /** Why we ended it, where the server made us. */
  get cutOffFor(): string | undefined {
    return this.#transport.cutOffFor
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

  /** `definition` is what the caller was shown; it says which arguments travel as headers too. */
  callTool(
    definition: Tool,
    args: Record<string, unknown>,
    options: RelayOptions,
  ): Promise<CallToolResult | InputRequiredResult> {
    // Without its output schema: compiling a stranger's schema to check a stranger's result would be our risk alone.
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

  /** From now on `onResourceUpdated` hears of this resource; the returned function ends that. */
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

  /** Where changes are told only on request: asks to be told. Resolves with `false` at once where there is no need to
   * ask, with `true` when the server stopped telling. */
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
        // Progress always travels: it is also what keeps a slow call from being given up.
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

export interface ConnectOptions {
  readonly config: ServerConfig
  readonly transport: ServerTransport
  /** How we introduce ourselves. */
  readonly identity: Implementation
  /** The session this connection serves alone; absent for one that serves callers who can be asked nothing. */
  readonly peer: Peer | undefined
  readonly prior: PriorDiscovery | undefined
  readonly events: ConnectionEvents
  readonly signal: AbortSignal
}

/** Connects and agrees on a revision. Throws what the SDK throws; `transport` is closed then. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { config, transport, identity, peer, prior, events, signal } = options
  const client = new Client(identity, {
    capabilities: peer === undefined ? {} : answerable(peer.capabilities),
    versionNegotiation: {
      mode: config.era === 'modern' ? { pin: '2026-07-28' } : config.era,
      probe: { timeoutMs: Math.min(5000, config.startTimeoutMs) },
    },
    inputRequired: { autoFulfill: false },
  })
  boundLists(client)
  if (peer !== undefined) answerThrough(client, peer)
  listenForChanges(client, events, peer)
  // The SDK's question for the revision doesn't hear the signal, so the transport is taken from under it.
  const giveUp = (): void => void transport.close().catch(() => undefined)
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    await client.connect(transport, {
      signal,
      timeout: config.startTimeoutMs,
      ...(prior !== undefined && config.era === 'auto' && { prior }),
    })
  } catch (error) {
    await transport.close().catch(() => undefined)
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
  deliverOneByOne(transport)
  const connection = new Connection(client, config, transport)
  if (peer !== undefined && connection.era === 'legacy') {
    client.setNotificationHandler('notifications/message', ({ method, params }) =>
      peer.notify({ method, params }),
    )
    if (peer.logLevel !== undefined)
      await connection.setLogLevel(peer.logLevel, signal).catch(() => undefined)
  }
  // Not before the connect: a failed attempt is reported by its error alone.
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK's client is no event target
  client.onclose = () => events.onClosed()
  if (client.transport === undefined) events.onClosed()
  return connection
}

/**
 * All pages of a list together are no longer than one message may be: the SDK asks for the next by itself, up to the 64th,
 * and would keep a gigabyte of them.
 */
function boundLists(client: Client): void {
  const request = client.request.bind(client) as (...asked: unknown[]) => Promise<unknown>
  // All pages of one list are asked for with the same options, and other lists with others.
  const lengths = new WeakMap<object, number>()
  const bounded = async (asked: { readonly method: string }, options: unknown): Promise<unknown> => {
    const result = await request(asked, options)
    if (!asked.method.endsWith('/list') || typeof options !== 'object' || options === null) return result
    const length = (lengths.get(options) ?? 0) + Buffer.byteLength(JSON.stringify(result))
    lengths.set(options, length)
    if (length > LONGEST_MESSAGE_BYTES)
      throw new BrokerError('upstream-failed', 'one of its lists is longer than 16 MB')
    return result
  }
  client.request = bounded
}

/**
 * Gives the client a turn of its own for every message. It handles an answer at once and a notification a moment later,
 * so that progress which arrived in one piece with the answer would find nobody waiting for it.
 */
function deliverOneByOne(transport: Transport): void {
  const deliver = transport.onmessage
  let last: Promise<void> = Promise.resolve()
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a transport is no event target
  transport.onmessage = (message, extra) => {
    last = last.then(() => deliver?.(message, extra)).catch((error: Error) => transport.onerror?.(error))
  }
}

/** Of what the caller can be asked, the part that we know how to relay. */
function answerable({ sampling, elicitation, roots }: ClientCapabilities): ClientCapabilities {
  return {
    ...(sampling !== undefined && { sampling }),
    ...(elicitation !== undefined && { elicitation }),
    ...(roots !== undefined && { roots: {} }),
  }
}

function answerThrough(client: Client, peer: Peer): void {
  const { sampling, elicitation, roots } = peer.capabilities
  if (sampling !== undefined) {
    client.setRequestHandler('sampling/createMessage', (request, context) =>
      peer.sample(request.params, context.mcpReq.signal),
    )
  }
  if (elicitation !== undefined) {
    client.setRequestHandler('elicitation/create', (request, context) =>
      peer.elicit(request.params, context.mcpReq.signal),
    )
  }
  if (roots !== undefined)
    client.setRequestHandler('roots/list', (_, context) => peer.roots(context.mcpReq.signal))
}

function listenForChanges(client: Client, events: ConnectionEvents, peer: Peer | undefined): void {
  client.setNotificationHandler('notifications/tools/list_changed', () => events.onListChanged('tools'))
  client.setNotificationHandler('notifications/prompts/list_changed', () => events.onListChanged('prompts'))
  client.setNotificationHandler('notifications/resources/list_changed', () =>
    events.onListChanged('resources'),
  )
  client.setNotificationHandler('notifications/resources/updated', ({ params }) =>
    events.onResourceUpdated(params.uri),
  )
  if (peer !== undefined) {
    client.setNotificationHandler('notifications/elicitation/complete', ({ method, params }) =>
      peer.notify({ method, params }),
    )
  }
}
