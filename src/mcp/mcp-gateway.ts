import type {
  CallToolResult,
  CompleteRequestParams,
  CompleteResult,
  GetPromptResult,
  InputRequiredResult,
  LoggingLevel,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplateType,
} from '@modelcontextprotocol/client'
import type { Clock } from '../base/clock.ts'
import { BrokerError, asBrokerError } from '../base/errors.ts'
import { randomLetters } from '../base/ids.ts'
import { truncate } from '../base/text.ts'
import { complete } from './completion.ts'
import { losesMost } from '../files/loses-most.ts'
import { type FileWatch, watchFile } from '../files/watch-file.ts'
import {
  type ChatLimits,
  type EntryProblem,
  type McpConfig,
  NO_SERVERS,
  type PolicyConfig,
} from './config/config.ts'
import { readMcpConfig } from './config/config-file.ts'
import type { CallerClient } from './connection/client-session.ts'
import type { ListKind } from './connection/connection.ts'
import type { CallerIdentity } from './policy/caller-identity.ts'
import { type RequestStateSeal, createRequestStateSeal } from './policy/request-state.ts'
import { type ToolCaller, ToolPolicy } from './policy/tool-policy.ts'
import { Prompts } from './prompts.ts'
import { NEVER, RequestRelay, scopeOf } from './request-relay.ts'
import { Resources } from './resources.ts'
import { Tools } from './tools.ts'
import type { CallOptions, CallerSession, ListedTool, ToolList, ToolMeter } from './types.ts'
import { ServerSet, type ServerProblem } from './upstream/server-set.ts'
import {
  type HeldTool,
  type PinStore,
  ToolPins,
  createMemoryPinStore,
} from './upstream/pinning/tool-pinning.ts'
import type { ServerStatus, McpLog } from './upstream/types.ts'
import { UpstreamServer } from './upstream/upstream-server.ts'

export interface McpGatewayOptions {
  /** A file that is read now and whenever it changes; alternative to `config`. */
  readonly configPath?: string | undefined
  readonly config?: McpConfig | undefined
  /** Starts without servers when the file can't be read, and takes it up once it can. */
  readonly mayStartWithoutFile?: boolean | undefined
  /** Why there are no servers, when that is known from the start. */
  readonly problem?: string | undefined
  /** Variables that the configuration may refer to. Servers see only the ones that it passes on. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** The version of the broker that servers and callers see. */
  readonly version: string
  readonly clock: Clock
  readonly log: McpLog
  readonly meter?: ToolMeter | undefined
  /** Hands the callers of tools to servers with `forwardCaller`; without it no server learns them. */
  readonly identity?: CallerIdentity | undefined
  readonly pinStore?: PinStore | undefined
  /** Called when the policies have been replaced. */
  readonly onPolicies?: (() => void) | undefined
  readonly random?: (() => number) | undefined
  /** How long a list request waits for servers that are still starting. */
  readonly listWaitMs?: number | undefined
}

const DEFAULT_LIST_WAIT_MS = 10_000

/** State that a gateway and its views share. */
interface SharedState {
  readonly pins: ToolPins
  readonly seals: RequestStateSeal
  policy: ToolPolicy
  chat: ChatLimits
}

/** Reads the configuration; servers are started on first use. Throws `bad-request`, unless it `mayStartWithoutFile`. */
export async function createMcpGateway(options: McpGatewayOptions): Promise<McpGateway> {
  const { config, problem } = initialConfig(options)
  const gateway = new McpGateway({ ...options, problem })
  await gateway.configure(config)
  return gateway
}

function initialConfig({ configPath, environment = {}, log, ...options }: McpGatewayOptions): {
  readonly config: McpConfig
  readonly problem: string | undefined
} {
  if (configPath === undefined) return { config: options.config ?? NO_SERVERS, problem: options.problem }
  try {
    return { config: readMcpConfig(configPath, environment), problem: undefined }
  } catch (error) {
    if (options.mayStartWithoutFile !== true) throw error
    const problem = asBrokerError(error).message
    log.warn({ problem }, 'mcp: configuration invalid, no servers are available until it is corrected')
    return { config: NO_SERVERS, problem }
  }
}

/**
 * The tools, prompts and resources of all MCP servers as one list, under one policy. Its methods throw `not-found`,
 * `forbidden`, `over-limit`, `upstream-down` (with `retryAfter`), `upstream-busy`, `upstream-timeout`, `upstream-refused`
 * (the server's JSON-RPC error about the request, its code in `details.metadata`) and `upstream-failed`. A failure that a
 * tool itself reports is a result with `isError`.
 */
export class McpGateway {
  readonly #options: McpGatewayOptions
  readonly #servers: ServerSet
  readonly #shared: SharedState
  readonly #relay: RequestRelay
  readonly #tools: Tools
  readonly #prompts: Prompts
  readonly #resources: Resources
  readonly #watch: FileWatch | undefined
  /** Why the file as it is now is not in use. */
  #configProblem: string | undefined
  #entryProblems: readonly EntryProblem[] = []
  #policies: readonly PolicyConfig[] = []
  #reloading: Promise<void> = Promise.resolve()

  constructor(options: McpGatewayOptions, view?: { servers: ServerSet; shared: SharedState }) {
    this.#options = options
    this.#configProblem = options.problem
    this.#shared = view?.shared ?? createSharedState(options)
    this.#servers = view?.servers ?? createServerSet(options, this.#shared)
    const { pins, seals } = this.#shared
    this.#relay = new RequestRelay({ servers: this.#servers, policy: () => this.#shared.policy, seals })
    this.#tools = new Tools({ ...options, relay: this.#relay, pins })
    this.#prompts = new Prompts(this.#relay)
    this.#resources = new Resources(this.#relay)
    if (view !== undefined || options.configPath === undefined) return
    this.#watch = watchFile(options.configPath, options.clock, () => void this.reloadConfig())
  }

  /**
   * A view of this gateway that contains one server alone, under the server's own names, with the same policy and
   * connections. It is closed together with this gateway.
   */
  viewOfServer(server: string): McpGateway {
    const view = { servers: this.#servers.only(server), shared: this.#shared }
    return new McpGateway({ ...this.#options, configPath: undefined }, view)
  }

  get version(): string {
    return this.#options.version
  }

  /** Limits of chats whose tools the broker runs. */
  get chatLimits(): ChatLimits {
    return this.#shared.chat
  }

  /** The policies in use. */
  get policies(): readonly PolicyConfig[] {
    return this.#policies
  }

  /** Patterns over `server__tool`: the tools that chats of this caller get without naming any. Usually none. */
  chatTools(caller: ToolCaller): readonly string[] {
    return this.#shared.policy.chatTools(caller)
  }

  /** Applies a configuration; servers whose entry is unchanged keep running. */
  async configure(config: McpConfig): Promise<void> {
    this.#policies = config.policies
    this.#shared.policy = new ToolPolicy(config.policies, this.#options.clock)
    this.#options.onPolicies?.()
    this.#shared.chat = config.chat
    for (const { server, reason } of config.problems)
      this.#options.log.warn({ server, problem: reason }, 'mcp: an entry of the configuration is left out')
    this.#entryProblems = config.problems
    await this.#servers.configure(config.servers)
  }

  /**
   * Reads the file again. An invalid file changes nothing but `unavailable`, which then states the reason; so does one that
   * lost all or most servers, unless it `mayLoseMost`. Resolves with the reason.
   */
  async reloadConfig(options: { readonly mayLoseMost?: boolean } = {}): Promise<string | undefined> {
    this.#reloading = this.#reloading.then(async () => {
      const { configPath, environment = {}, log } = this.#options
      if (configPath === undefined) return
      try {
        const config = readMcpConfig(configPath, environment)
        this.#assertReplaceable(config, configPath, options)
        await this.configure(config)
        this.#configProblem = undefined
        log.info({ servers: this.#servers.all.length }, 'mcp: configuration read again')
      } catch (error) {
        this.#configProblem = asBrokerError(error).message
        log.warn(
          { problem: this.#configProblem },
          'mcp: configuration invalid, the last valid one stays in use',
        )
      }
    })
    await this.#reloading
    return this.#configProblem
  }

  /** Throws for a file that would close tools by mistake: policies that can't be read, or servers that are gone. */
  #assertReplaceable(
    { servers, problems }: McpConfig,
    path: string,
    { mayLoseMost = false }: { readonly mayLoseMost?: boolean },
  ): void {
    const closed = problems.find(({ server }) => server === '*')
    if (closed !== undefined) throw new BrokerError('bad-request', closed.reason)
    const before = this.#servers.all.length
    if (mayLoseMost || !losesMost(before, servers.length)) return
    const [problem] = problems
    const why = problem === undefined ? 'is it cut off?' : problem.reason
    throw new BrokerError(
      'bad-request',
      `${path} has ${servers.length} of ${before} servers: ${why} If it is meant, run “hero_aibroker config reload --force”`,
    )
  }

  /** Every tool that `caller` may use, sorted by name, and its servers whose tools are missing with the reason. */
  async listTools(caller: ToolCaller, signal: AbortSignal = NEVER): Promise<ToolList> {
    await this.#servers.list(signal)
    const { policy } = this.#shared
    const unavailable = this.unavailable().filter(
      ({ server }) => server === '*' || policy.mayUseServer(caller, server),
    )
    return { tools: this.#tools.listed(caller), unavailable }
  }

  /** The tool of that name, if this caller may use it. */
  findTool(caller: ToolCaller, name: string, signal: AbortSignal = NEVER): Promise<ListedTool | undefined> {
    return this.#tools.find(caller, name, signal)
  }

  /** Calls a tool by the name it is listed under. */
  callTool(
    caller: ToolCaller,
    name: string,
    args: Record<string, unknown>,
    options: CallOptions = {},
  ): Promise<CallToolResult | InputRequiredResult> {
    return this.#tools.call(caller, name, args, options)
  }

  listPrompts(caller: ToolCaller, signal: AbortSignal = NEVER): Promise<readonly Prompt[]> {
    return this.#prompts.list(caller, signal)
  }

  getPrompt(
    caller: ToolCaller,
    name: string,
    args: Record<string, string>,
    options: CallOptions = {},
  ): Promise<GetPromptResult | InputRequiredResult> {
    return this.#prompts.get(caller, name, args, options)
  }

  listResources(caller: ToolCaller, signal: AbortSignal = NEVER): Promise<readonly Resource[]> {
    return this.#resources.list(caller, signal)
  }

  listResourceTemplates(
    caller: ToolCaller,
    signal: AbortSignal = NEVER,
  ): Promise<readonly ResourceTemplateType[]> {
    return this.#resources.listTemplates(caller, signal)
  }

  /** Reads a resource. Throws `too-large` above the server's `maxResultBytes`. */
  readResource(
    caller: ToolCaller,
    uri: string,
    options: CallOptions = {},
  ): Promise<ReadResourceResult | InputRequiredResult> {
    return this.#resources.read(caller, uri, options)
  }

  /** Calls `onUpdate` when a resource changes, until the returned function is called. */
  watchResource(
    caller: ToolCaller,
    uri: string,
    onUpdate: () => void,
    options: CallOptions = {},
  ): Promise<() => Promise<void>> {
    return this.#resources.watch(caller, uri, onUpdate, options)
  }

  /** Completes an argument of a prompt or of a resource template. */
  complete(
    caller: ToolCaller,
    params: CompleteRequestParams,
    options: CallOptions = {},
  ): Promise<CompleteResult> {
    return complete(this.#relay, caller, params, options)
  }

  /** Opens a session for a caller whose client accepts requests from servers. Must be closed with `closeSession`. */
  openSession(callerClient: CallerClient): CallerSession {
    return { id: randomLetters(32), callerClient }
  }

  /** Sends a session's log level to the servers it is connected to; later connections send it when they open. */
  async setLogLevel(caller: ToolCaller, session: CallerSession, level: LoggingLevel): Promise<void> {
    const scope = scopeOf(caller, session)
    await Promise.all(this.#servers.all.map((server) => server.setLogLevel(scope, level)))
  }

  async closeSession(caller: ToolCaller, session: CallerSession): Promise<void> {
    const { key } = scopeOf(caller, session)
    await Promise.all(this.#servers.all.map((server) => server.closeScope(key)))
  }

  /** The status of every configured server. */
  servers(): readonly ServerStatus[] {
    return this.#servers.all.map((server) => server.status())
  }

  /** What is wrong with the configuration file, a sentence each. */
  configProblems(): readonly string[] {
    const entries = this.#entryProblems.map(({ reason }) => reason)
    return this.#configProblem === undefined ? entries : [...entries, this.#configProblem]
  }

  /** The entries of the configuration that are left out. */
  leftOut(): readonly EntryProblem[] {
    return this.#entryProblems
  }

  /** The servers of which a caller may use something, without what other callers do there. */
  serversFor(caller: ToolCaller): readonly ServerStatus[] {
    const own = Map.groupBy(this.#tools.listed(caller), ({ server }) => server)
    return this.servers()
      .filter(({ name }) => this.#shared.policy.mayUseServer(caller, name))
      .map((status) => ({
        ...status,
        tools: own.get(status.name)?.length ?? 0,
        connections: 0,
        restarts: 0,
        callsRunning: 0,
        warnings: [],
        inherits: [],
      }))
  }

  /** The servers that lists are incomplete without, those that are left out, and an invalid configuration file as server `*`. */
  unavailable(): readonly ServerProblem[] {
    const problems = [...this.#servers.problems(), ...this.#entryProblems]
    return this.#configProblem === undefined
      ? problems
      : [...problems, { server: '*', reason: this.#configProblem }]
  }

  /** Tools that wait for approval. */
  heldTools(): readonly HeldTool[] {
    return this.#shared.pins.held()
  }

  /** Approves a held tool as it is now. Throws `not-found`. */
  async approve(server: string, tool: string): Promise<void> {
    if (!this.#shared.pins.approve(server, tool)) {
      throw new BrokerError(
        'not-found',
        `no tool “${truncate(tool)}” of server “${truncate(server)}” is held`,
      )
    }
    await this.#servers.get(server).applyApproval()
  }

  /** Calls `listener` when a list changes, until the returned function is called. */
  onListChanged(listener: (kind: ListKind) => void): () => void {
    return this.#servers.onListChanged(listener)
  }

  /** Closes every connection and ends the processes of all servers. */
  async close(): Promise<void> {
    this.#watch?.close()
    await this.#reloading
    await this.#servers.close()
  }
}

function createSharedState({ pinStore = createMemoryPinStore(), clock }: McpGatewayOptions): SharedState {
  return {
    pins: new ToolPins(pinStore),
    seals: createRequestStateSeal(clock),
    policy: new ToolPolicy([], clock),
    chat: NO_SERVERS.chat,
  }
}

function createServerSet(options: McpGatewayOptions, { pins }: SharedState): ServerSet {
  const { clock, log, version, random = Math.random, listWaitMs = DEFAULT_LIST_WAIT_MS } = options
  const identity = { name: 'hero_aibroker', version }
  return new ServerSet({
    clock,
    listWaitMs,
    create: (config, onChanged) =>
      new UpstreamServer({ config, identity, pins, clock, random, log, onChanged }),
  })
}
