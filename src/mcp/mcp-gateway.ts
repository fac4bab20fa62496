import {
  type CallToolResult,
  type CompleteRequestParams,
  type CompleteResult,
  type GetPromptResult,
  type InputRequiredResult,
  type LoggingLevel,
  type Prompt,
  type ReadResourceResult,
  type Resource,
  type ResourceTemplateType,
  type Tool,
  isInputRequiredResult,
} from '@modelcontextprotocol/client'
import type { Clock } from '../base/clock.ts'
import { BrokerError, asBrokerError } from '../base/errors.ts'
import { generationId, randomLetters } from '../base/ids.ts'
import { type Money, NOTHING } from '../base/money.ts'
import { shortName } from '../base/text.ts'
import { type ChatLimits, type McpConfig, NO_SERVERS } from './config/config.ts'
import { readMcpConfig, watchFile } from './config/config-file.ts'
import type { Connection, ListKind, RelayOptions } from './connection/connection.ts'
import type { Named } from './config/tool-names.ts'
import type { Peer } from './connection/client-session.ts'
import { type HeldTool, type PinStore, Pins, forgetfulPinStore } from './upstream/tool-pinning.ts'
import { type RequestStateSeal, createRequestStateSeal } from './policy/request-state.ts'
import { boundResult, withoutServerInfo } from './policy/result-limits.ts'
import { resultWithoutSecrets } from './policy/redact-secrets.ts'
import { type Route, ServerSet, type ServerTrouble } from './upstream/server-set.ts'
import type { ToolLog } from './config/log.ts'
import { type ToolCaller, ToolPolicy, callerKey } from './policy/tool-policy.ts'
import { type Scope, type ServerStatus, ToolServer } from './upstream/mcp-server.ts'
import type { CallOptions, CallerSession, ListedTool, ToolList, ToolMeter, ToolOutcome } from './types.ts'

export interface ToolBrokerOptions {
  /** A file to read now and whenever it changes; or the configuration itself. */
  readonly configPath?: string | undefined
  readonly config?: McpConfig | undefined
  /** Variables that the configuration may name. Servers see none of them otherwise. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** What we call ourselves to servers and callers. */
  readonly version: string
  readonly clock: Clock
  readonly log: ToolLog
  readonly meter?: ToolMeter | undefined
  readonly pinStore?: PinStore | undefined
  readonly random?: (() => number) | undefined
  /** How long a list waits for servers that are still starting. */
  readonly listWaitMs?: number | undefined
}

const LIST_WAIT_MS = 10_000
const NEVER = new AbortController().signal

/** What a broker and its views have in common. */
interface Shared {
  readonly pins: Pins
  readonly seals: RequestStateSeal
  policy: ToolPolicy
  chat: ChatLimits
}

/** Reads the configuration and gets ready; no server is started before it is needed. Throws `bad-request`. */
export async function createToolBroker(options: ToolBrokerOptions): Promise<ToolBroker> {
  const { configPath, environment = {} } = options
  const config = configPath === undefined ? options.config : await readMcpConfig(configPath, environment)
  const broker = new ToolBroker(options)
  await broker.configure(config ?? NO_SERVERS)
  return broker
}

/**
 * Everything that all servers offer, as one list under one policy. All calls throw `not-found`, `forbidden`,
 * `over-limit`, `upstream-down` (with `retryAfter`), `upstream-busy`, `upstream-timeout`, `upstream-refused` (the
 * server's own JSON-RPC error about the request, its code in `details.metadata`) and `upstream-failed`. What a tool
 * itself reports as failed is a result with `isError`.
 */
export class ToolBroker {
  readonly #options: ToolBrokerOptions
  readonly #servers: ServerSet
  readonly #shared: Shared
  readonly #stopWatching: (() => void) | undefined
  #configProblem: string | undefined
  #reloading: Promise<void> = Promise.resolve()

  constructor(options: ToolBrokerOptions, view?: { servers: ServerSet; shared: Shared }) {
    this.#options = options
    this.#shared = view?.shared ?? sharedParts(options)
    this.#servers = view?.servers ?? createServerSet(options, this.#shared)
    if (view !== undefined || options.configPath === undefined) return
    this.#stopWatching = watchFile(options.configPath, options.clock, () => void this.reloadConfig())
  }

  /**
   * The broker seen through one server: nothing but what it offers, under its own names, by the same rules and
   * connections. Lives and ends with the broker it is a view of.
   */
  only(server: string): ToolBroker {
    const view = { servers: this.#servers.only(server), shared: this.#shared }
    return new ToolBroker({ ...this.#options, configPath: undefined }, view)
  }

  get version(): string {
    return this.#options.version
  }

  /** Bounds of chats that run tools. */
  get chatLimits(): ChatLimits {
    return this.#shared.chat
  }

  /** Patterns over `server__tool`: what chats of this caller get without naming any. Usually none. */
  chatTools(caller: ToolCaller): readonly string[] {
    return this.#shared.policy.chatTools(caller)
  }

  /** Servers whose entry is the same keep running. */
  async configure(config: McpConfig): Promise<void> {
    this.#shared.policy = new ToolPolicy(config.policies, this.#options.clock)
    this.#shared.chat = config.chat
    await this.#servers.configure(config.servers)
  }

  /** Reads the file again. One that can't be understood changes nothing: what runs keeps running, the reason is told. */
  reloadConfig(): Promise<void> {
    this.#reloading = this.#reloading.then(async () => {
      const { configPath, environment = {}, log } = this.#options
      if (configPath === undefined) return
      try {
        await this.configure(await readMcpConfig(configPath, environment))
        this.#configProblem = undefined
        log.info({ servers: this.#servers.all.length }, 'mcp: configuration read again')
      } catch (error) {
        this.#configProblem = asBrokerError(error).message
        log.warn({ err: error }, 'mcp: configuration not understood, the last good one stays')
      }
    })
    return this.#reloading
  }

  /** Every tool that `caller` may use, sorted by name; servers that are down are named and hide nothing else. */
  async listTools(caller: ToolCaller, signal: AbortSignal = NEVER): Promise<ToolList> {
    await this.#servers.list(signal)
    const tools = [...this.#servers.tables.tools]
      .filter(([, route]) => this.#mayUse(caller, route))
      .map(([name, route]) => this.#listed(name, route))
    return { tools, unavailable: this.unavailable() }
  }

  /** The tool behind a name, if this caller may use it. */
  async findTool(
    caller: ToolCaller,
    name: string,
    signal: AbortSignal = NEVER,
  ): Promise<ListedTool | undefined> {
    const route = await this.#servers.find(({ tools }) => tools.get(name), signal)
    if (route === undefined || !this.#mayUse(caller, route)) return undefined
    return this.#listed(name, route)
  }

  /** Calls a tool by the name it is listed under. */
  async callTool(
    caller: ToolCaller,
    name: string,
    args: Record<string, unknown>,
    options: CallOptions = {},
  ): Promise<CallToolResult | InputRequiredResult> {
    const route = await this.#servers.find(({ tools }) => tools.get(name), options.signal ?? NEVER)
    if (route === undefined) throw this.#noSuchTool(name)
    if (!this.#mayUse(caller, route)) throw new BrokerError('forbidden', `you may not use tool “${name}”`)
    const { server, definition } = route
    const { config } = this.#servers.get(server)
    const running = await this.#startCall(caller, route, options)
    try {
      const at = { server, subject: `tool ${definition.name}`, tool: definition }
      const result = await this.#relay<CallToolResult>(caller, at, options, (connection, relayOptions) => {
        running.wasAsked()
        return connection.callTool(definition, args, relayOptions)
      })
      running.settle('finished')
      if (isInputRequiredResult(result)) return result
      return boundResult(resultWithoutSecrets(result, config.address), config.maxResultBytes)
    } catch (thrown) {
      const error = asBrokerError(thrown)
      running.settle(options.signal?.aborted === true ? 'cancelled' : 'failed', error)
      throw error
    }
  }

  async listPrompts(caller: ToolCaller, signal: AbortSignal = NEVER): Promise<readonly Prompt[]> {
    await this.#servers.list(signal)
    return [...this.#servers.tables.prompts]
      .filter(([, route]) => this.#mayUse(caller, route))
      .map(([name, { definition }]) => ({ ...definition, name }))
  }

  async getPrompt(
    caller: ToolCaller,
    name: string,
    args: Record<string, string>,
    options: CallOptions = {},
  ): Promise<GetPromptResult | InputRequiredResult> {
    const route = await this.#servers.find(({ prompts }) => prompts.get(name), options.signal ?? NEVER)
    if (route === undefined || !this.#mayUse(caller, route)) {
      throw new BrokerError('not-found', `there is no prompt “${shortName(name)}”`)
    }
    const at = { server: route.server, subject: `prompt ${route.definition.name}` }
    return this.#relay(caller, at, options, (connection, relayOptions) =>
      connection.getPrompt(route.definition.name, args, relayOptions),
    )
  }

  async listResources(caller: ToolCaller, signal: AbortSignal = NEVER): Promise<readonly Resource[]> {
    await this.#servers.list(signal)
    return this.#servers.tables.resources.resources
      .filter(({ server, original }) => this.#mayRead(caller, server, original))
      .map(({ exposed }) => exposed)
  }

  async listResourceTemplates(
    caller: ToolCaller,
    signal: AbortSignal = NEVER,
  ): Promise<readonly ResourceTemplateType[]> {
    await this.#servers.list(signal)
    return this.#servers.tables.resources.templates
      .filter(({ server, original }) => this.#mayRead(caller, server, original))
      .map(({ exposed }) => exposed)
  }

  async readResource(
    caller: ToolCaller,
    uri: string,
    options: CallOptions = {},
  ): Promise<ReadResourceResult | InputRequiredResult> {
    const owner = await this.#ownerOf(caller, uri, options)
    const at = { server: owner.server, subject: `resource ${owner.uri}` }
    const result = await this.#relay<ReadResourceResult>(caller, at, options, (connection, relayOptions) =>
      connection.readResource(owner.uri, relayOptions),
    )
    const limit = this.#servers.get(owner.server).config.maxResultBytes
    if (JSON.stringify(result).length > limit) {
      throw new BrokerError('too-large', `resource “${shortName(uri)}” is larger than ${limit} bytes`)
    }
    return result
  }

  /** Calls `onUpdate` when a resource changes, until the returned function is called. */
  async watchResource(
    caller: ToolCaller,
    uri: string,
    onUpdate: () => void,
    options: CallOptions = {},
  ): Promise<() => Promise<void>> {
    const owner = await this.#ownerOf(caller, uri, options)
    const server = this.#servers.get(owner.server)
    return server.watchResource(scopeOf(caller, options), owner.uri, onUpdate, options.signal ?? NEVER)
  }

  /** Completes an argument of a prompt or of a resource template. */
  async complete(
    caller: ToolCaller,
    params: CompleteRequestParams,
    options: CallOptions = {},
  ): Promise<CompleteResult> {
    const found = await this.#servers.find(({ prompts, resources }) => {
      const { ref } = params
      if (ref.type === 'ref/prompt') {
        const route = prompts.get(ref.name)
        if (route === undefined || !this.#mayUse(caller, route)) return undefined
        return { server: route.server, ref: { ...ref, name: route.definition.name } }
      }
      const owned = resources.templates.find(({ original }) => original === ref.uri)
      return owned && this.#mayRead(caller, owned.server, ref.uri) ? { server: owned.server, ref } : undefined
    }, options.signal ?? NEVER)
    if (found === undefined) throw new BrokerError('not-found', 'nothing of that name can be completed')
    const none: CompleteResult = { completion: { values: [] } }
    const at = { server: found.server, subject: 'completion' }
    const result = await this.#relay<CompleteResult>(caller, at, options, async (connection, { signal }) =>
      connection.capabilities.completions === undefined
        ? none
        : connection.complete({ ...params, ref: found.ref }, signal),
    )
    return isInputRequiredResult(result) ? none : result
  }

  /** For a caller that can be asked things while its calls run. Must be closed. */
  openSession(peer: Peer): CallerSession {
    return { id: randomLetters(32), peer }
  }

  /** Passes a session's wish to the servers it already talks to; later ones hear of it when they are reached. */
  async setLogLevel(caller: ToolCaller, session: CallerSession, level: LoggingLevel): Promise<void> {
    const scope = scopeOf(caller, { session })
    await Promise.all(this.#servers.all.map((server) => server.setLogLevel(scope, level)))
  }

  async closeSession(caller: ToolCaller, session: CallerSession): Promise<void> {
    const { key } = scopeOf(caller, { session })
    await Promise.all(this.#servers.all.map((server) => server.closeScope(key)))
  }

  /** Every configured server and how it does. */
  servers(): readonly ServerStatus[] {
    return this.#servers.all.map((server) => server.status())
  }

  unavailable(): readonly ServerTrouble[] {
    const troubles = this.#servers.troubles()
    return this.#configProblem === undefined
      ? troubles
      : [...troubles, { server: '*', reason: this.#configProblem }]
  }

  /** Tools that wait for somebody to look at them. */
  held(): readonly HeldTool[] {
    return this.#shared.pins.held()
  }

  /** Takes a held tool as it is now. */
  async approve(server: string, tool: string): Promise<void> {
    if (!this.#shared.pins.approve(server, tool)) {
      throw new BrokerError(
        'not-found',
        `no tool “${shortName(tool)}” of server “${shortName(server)}” is held`,
      )
    }
    await this.#servers.get(server).reconsider()
  }

  onListChanged(listener: (kind: ListKind) => void): () => void {
    return this.#servers.onListChanged(listener)
  }

  /** Ends every server with all its processes. */
  async close(): Promise<void> {
    this.#stopWatching?.()
    await this.#reloading
    await this.#servers.close()
  }

  #listed(name: string, { server, definition }: Route<Tool>): ListedTool {
    return { server, definition: { ...definition, name }, price: this.#priceOf(server, definition) }
  }

  #priceOf(server: string, { name }: Tool): Money | undefined {
    const { prices } = this.#servers.get(server).config
    return prices.get(name) ?? prices.get('*')
  }

  #noSuchTool(name: string): BrokerError {
    const isHeld = this.#shared.pins.held().some(({ server, tool }) => name === `${server}__${tool}`)
    if (isHeld) return new BrokerError('forbidden', `tool “${name}” changed and waits for approval`)
    const down = this.#servers.troubles().find(({ server }) => name.startsWith(`${server}__`))
    if (down !== undefined) {
      return new BrokerError('upstream-down', `server “${down.server}” is not available: ${down.reason}`)
    }
    return new BrokerError('not-found', `there is no tool “${shortName(name)}”`)
  }

  /** Policies speak of `server__tool`, whatever name callers of a server without prefix see. */
  #mayUse(caller: ToolCaller, { server, name }: Named): boolean {
    return this.#shared.policy.mayUse(caller, `${server}__${name}`)
  }

  /** Resources fall under the same patterns as tools, as `server__uri`. */
  #mayRead(caller: ToolCaller, server: string, uri: string): boolean {
    return this.#shared.policy.mayUse(caller, `${server}__${uri}`)
  }

  async #ownerOf(caller: ToolCaller, uri: string, { signal = NEVER }: CallOptions) {
    const owner = await this.#servers.find(
      ({ resources }) =>
        resources.ownersOf(uri).find((owner) => this.#mayRead(caller, owner.server, owner.uri)),
      signal,
    )
    if (owner === undefined) throw new BrokerError('not-found', `there is no resource “${shortName(uri)}”`)
    return owner
  }

  async #startCall(
    caller: ToolCaller,
    { server, definition }: Route<Tool>,
    { group, onOutcome }: CallOptions,
  ) {
    const { clock, log, meter } = this.#options
    const started = clock.monotonic()
    const tool = `${server}__${definition.name}`
    const price = this.#priceOf(server, definition)
    const startedAt = clock.now()
    const id = generationId(startedAt)
    const entry = await meter?.start({ id, caller, server, tool, price, startedAt, group })
    let wasAsked = false
    return {
      wasAsked: () => void (wasAsked = true),
      settle: (status: ToolOutcome['status'], error?: BrokerError): void => {
        const durationMs = clock.monotonic() - started
        log.info({ server, tool, status, ms: Math.round(durationMs), error: error?.code }, 'mcp: tool call')
        const cost = wasAsked ? price : NOTHING
        const why = error === undefined ? undefined : `${error.code}: ${error.message}`
        const outcome = { status, wasAsked, cost, error: why, durationMs }
        entry?.settle(outcome)
        onOutcome?.(outcome)
      },
    }
  }

  /** One request to the server that owns a thing. A server's `requestState` goes out sealed and comes back opened. */
  async #relay<T extends { _meta?: Record<string, unknown> | undefined }>(
    caller: ToolCaller,
    at: { server: string; subject: string; tool?: Tool },
    options: CallOptions,
    send: (connection: Connection, relayOptions: RelayOptions) => Promise<T | InputRequiredResult>,
  ): Promise<T | InputRequiredResult> {
    const { requestState, session, signal = NEVER } = options
    const binding = { caller: callerKey(caller), server: at.server, subject: at.subject }
    const relayOptions: RelayOptions = {
      ...options,
      signal,
      requestState: requestState === undefined ? undefined : this.#shared.seals.open(requestState, binding),
      ...(session !== undefined && throughSession(session)),
    }
    const leave = this.#shared.policy.enter(caller)
    try {
      const result = await this.#servers
        .get(at.server)
        .use(scopeOf(caller, options), (connection) => send(connection, relayOptions), {
          signal,
          tool: at.tool,
        })
      if (!isInputRequiredResult(result)) return withoutServerInfo(result)
      const state = result.requestState
      return {
        ...result,
        ...(typeof state === 'string' && { requestState: this.#shared.seals.seal(state, binding) }),
      }
    } finally {
      leave()
    }
  }
}

function sharedParts({ pinStore = forgetfulPinStore(), clock }: ToolBrokerOptions): Shared {
  return {
    pins: new Pins(pinStore),
    seals: createRequestStateSeal(clock),
    policy: new ToolPolicy([], clock),
    chat: NO_SERVERS.chat,
  }
}

function createServerSet(options: ToolBrokerOptions, { pins }: Shared): ServerSet {
  const { clock, log, version, random = Math.random, listWaitMs = LIST_WAIT_MS } = options
  const identity = { name: 'hero_aibroker', version }
  return new ServerSet({
    clock,
    listWaitMs,
    create: (config, onChanged) => new ToolServer({ config, identity, pins, clock, random, log, onChanged }),
  })
}

function scopeOf(caller: ToolCaller, { session }: CallOptions): Scope {
  if (session === undefined) return { key: `caller ${callerKey(caller)}`, peer: undefined }
  return { key: `session ${session.id}`, peer: session.peer }
}

/** Where the server's connection is shared, the session's own wishes travel with each call. */
function throughSession({ peer }: CallerSession): Partial<RelayOptions> {
  return {
    clientCapabilities: peer.capabilities,
    logLevel: peer.logLevel ?? 'info',
    onLog: (notice) => peer.notify(notice),
  }
}
