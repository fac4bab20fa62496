import type { LoggingLevel, PriorDiscovery, Tool } from '@modelcontextprotocol/client'
import { BrokerError } from '../../base/errors.ts'
import type { ServerConfig } from '../config/config.ts'
import type { CallerClient } from '../connection/client-session.ts'
import type { Connection } from '../connection/connection.ts'
import { asUpstreamError } from '../connection/server-errors.ts'
import { type SupervisedConnection, untilAborted } from '../connection/supervised-connection.ts'
import { inheritedVariables } from '../transport/inherited-variables.ts'
import { errorWithoutSecrets } from '../policy/redact-secrets.ts'
import { CallerConnections } from './caller-connections.ts'
import type { ServerLists } from './capabilities.ts'
import { type Debounced, createDebounced } from './debounce.ts'
import { DriftCheck } from './drift-check.ts'
import { LoadedLists } from './loaded-lists.ts'
import {
  cutOffDuringCall,
  cutOffError,
  isEraUnclear,
  isSessionLost,
  openConnection,
  superviseConnection,
} from './open-connection.ts'
import { ResourceWatches } from './resource-watches.ts'
import type { ConnectionScope, ServerStatus, UpstreamServerOptions } from './types.ts'

/**
 * One configured MCP server: a shared connection that loads its lists, and connections for callers. Where the protocol has
 * sessions, every caller gets its own connection, so that callers cannot see each other's state; without sessions, or if
 * the configuration marks the server as stateless, all callers use the shared connection.
 */
export class UpstreamServer {
  readonly config: ServerConfig
  readonly #options: UpstreamServerOptions
  readonly #sharedConnection: SupervisedConnection
  readonly #callerConnections: CallerConnections
  readonly #stop = new AbortController()
  readonly #drift: DriftCheck
  readonly #watches = new WeakMap<Connection, ResourceWatches>()
  readonly #reloading: Debounced
  readonly #lists: LoadedLists
  #era: 'legacy' | 'modern' | undefined
  #prior: PriorDiscovery | undefined
  #speaksLegacy = true
  #callsRunning = 0

  constructor(options: UpstreamServerOptions) {
    this.config = options.config
    this.#options = options
    this.#callerConnections = new CallerConnections(options.config)
    this.#drift = new DriftCheck(options)
    this.#lists = new LoadedLists(options)
    this.#reloading = createDebounced(options.clock, () => this.reload())
    this.#sharedConnection = superviseConnection(options, (onClosed, signal) =>
      this.#openShared(onClosed, signal),
    )
  }

  /** The lists as last loaded; empty until then. */
  get lists(): ServerLists {
    return this.#lists.lists
  }

  get isListed(): boolean {
    return this.#lists.isLoaded || this.config.disabled
  }

  /** Resolves when the lists are loaded. Throws `upstream-down`. */
  async list(signal: AbortSignal): Promise<void> {
    if (this.isListed) return this.#reloadIfOld()
    await this.#sharedConnection.use(() => Promise.resolve(), signal)
  }

  /** Why the lists of this server may be incomplete; `undefined` when they are not. */
  get problem(): string | undefined {
    return this.config.disabled ? undefined : this.#sharedConnection.problem
  }

  status(): ServerStatus {
    const slots = [this.#sharedConnection, ...this.#callerConnections.all]
    return {
      name: this.config.name,
      state: this.config.disabled ? 'disabled' : this.#sharedConnection.state,
      problem: this.problem,
      era: this.#era,
      tools: this.lists.tools.length,
      connections: slots.filter((slot) => slot.connection !== undefined).length,
      restarts: slots.reduce((sum, slot) => sum + slot.restarts, 0),
      callsRunning: this.#callsRunning,
      warnings: this.lists.problems,
      inherits:
        this.config.disabled || this.config.address.type !== 'stdio'
          ? []
          : Object.keys(inheritedVariables(process.env)),
    }
  }

  /**
   * Runs `work` on the connection of `scope`. Throws `forbidden` if `tool` differs from its approved definition, `upstream-busy`
   * at `maxConcurrentCalls`, and the upstream errors.
   */
  async use<T>(
    scope: ConnectionScope,
    work: (connection: Connection) => Promise<T>,
    { signal, tool }: { signal: AbortSignal; tool?: Tool | undefined },
  ): Promise<T> {
    if (this.#callsRunning >= this.config.maxConcurrentCalls) {
      const { name } = this.config
      throw new BrokerError('upstream-busy', `server “${name}” has ${this.#callsRunning} calls running`, {
        details: { provider: name, retryAfter: 1 },
      })
    }
    this.#callsRunning++
    try {
      return await this.#withConnection(scope, signal, async (connection) => {
        if (tool !== undefined) this.#drift.assertApproved(connection, tool)
        return work(connection)
      })
    } catch (error) {
      throw this.#asUpstreamError(error, signal)
    } finally {
      this.#callsRunning--
    }
  }

  /** Calls `onUpdate` on each change of the resource, until the returned function is called. */
  async watchResource(
    scope: ConnectionScope,
    uri: string,
    onUpdate: () => void,
    signal: AbortSignal,
  ): Promise<() => Promise<void>> {
    const slot = await this.#slotFor(scope, signal)
    const release = slot.acquire()
    try {
      const stop = await slot.use(
        (connection) => this.#watchesOf(connection).add(connection, uri, onUpdate, signal),
        signal,
      )
      return () => {
        release()
        return stop()
      }
    } catch (error) {
      release()
      throw this.#asUpstreamError(error, signal)
    }
  }

  /** Sets the level of a session that is connected; a later connection sends the level when it opens. */
  async setLogLevel(scope: ConnectionScope, level: LoggingLevel): Promise<void> {
    const connection = this.#callerConnections.get(scope.key)?.connection
    await connection?.setLogLevel(level, this.#stop.signal).catch(() => undefined)
  }

  /** Loads the lists again and reports the ones that changed. */
  async reload(): Promise<void> {
    const connection = this.#sharedConnection.connection
    if (connection !== undefined) await this.#lists.load(connection, this.#stop.signal)
  }

  /** Applies a new approval: loads the lists and filters them again. */
  async applyApproval(): Promise<void> {
    await this.#sharedConnection.use(() => this.reload(), this.#stop.signal)
  }

  /** Closes the connection of a session that ended. */
  async closeScope(key: string): Promise<void> {
    await this.#callerConnections.close(key)
  }

  async close(): Promise<void> {
    this.#reloading.cancel()
    this.#stop.abort()
    await Promise.all([this.#sharedConnection, ...this.#callerConnections.all].map((slot) => slot.close()))
  }

  async #withConnection<T>(
    scope: ConnectionScope,
    signal: AbortSignal,
    work: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const slot = await this.#slotFor(scope, signal)
    try {
      return await slot.use(async (connection) => {
        try {
          return await work(connection)
        } catch (error) {
          if (connection.cutOffReason !== undefined)
            throw cutOffDuringCall(this.config.name, connection.cutOffReason)
          if (isSessionLost(error)) await slot.drop(connection)
          throw error
        }
      }, signal)
    } catch (error) {
      // The server lost the session and rejected the call without processing it, so the call may be repeated.
      if (isSessionLost(error)) return slot.use(work, signal)
      // The server speaks only the stateless revision: this session uses the shared connection.
      if (
        this.#era === 'modern' &&
        slot !== this.#sharedConnection &&
        slot.state === 'backoff' &&
        this.#speaksLegacy
      ) {
        this.#speaksLegacy = false
        await this.closeScope(scope.key)
        return this.#sharedConnection.use(work, signal)
      }
      throw error
    }
  }

  async #slotFor(scope: ConnectionScope, signal: AbortSignal): Promise<SupervisedConnection> {
    await untilAborted(this.list(signal), signal)
    const isShared =
      this.config.shared ||
      (this.#era === 'modern' && (scope.callerClient === undefined || !this.#speaksLegacy))
    if (isShared || this.config.era === 'modern') return this.#sharedConnection
    return this.#callerConnections.getOrAdd(scope.key, () =>
      superviseConnection(this.#options, (onClosed, signal) => this.#openForCaller(scope, onClosed, signal)),
    )
  }

  #asUpstreamError(error: unknown, signal: AbortSignal): BrokerError {
    const { name, address } = this.config
    return errorWithoutSecrets(asUpstreamError(name, error, signal.aborted), address)
  }

  async #openShared(onClosed: () => void, signal: AbortSignal): Promise<Connection> {
    const open = (prior: PriorDiscovery | undefined): Promise<Connection> =>
      this.#connect(undefined, prior, onClosed, signal, () => this.#reloading.trigger())
    const connection = await open(this.#prior).catch((error: unknown) => {
      if (this.config.address.type !== 'stdio' || !isEraUnclear(error)) throw error
      // Old programs exit on an unknown first message: repeat the handshake with the legacy protocol.
      return open({ kind: 'legacy' })
    })
    try {
      this.#era = connection.era
      this.#prior = connection.prior
      await this.#lists.load(connection, signal)
    } catch (error) {
      await connection.close()
      throw cutOffError(connection) ?? error
    }
    const isOpen = (): boolean => this.#sharedConnection.connection === connection
    void this.#lists.follow(connection, isOpen, this.#stop.signal)
    return connection
  }

  async #openForCaller(
    scope: ConnectionScope,
    onClosed: () => void,
    signal: AbortSignal,
  ): Promise<Connection> {
    const prior = scope.callerClient === undefined ? this.#prior : ({ kind: 'legacy' } as const)
    let opened: Connection | undefined
    const comparison = createDebounced(this.#options.clock, async () => {
      if (opened !== undefined) await this.#compare(opened, signal)
    })
    const onCallerConnectionClosed = (): void => {
      comparison.cancel()
      onClosed()
    }
    const connection = await this.#connect(scope.callerClient, prior, onCallerConnectionClosed, signal, () =>
      comparison.trigger(),
    )
    opened = connection
    try {
      await this.#compare(connection, signal)
    } catch (error) {
      await connection.close()
      throw cutOffError(connection) ?? error
    }
    return connection
  }

  /** Compares only connections of the era in which the lists were loaded. */
  async #compare(connection: Connection, signal: AbortSignal): Promise<void> {
    if (connection.era === this.#era) await this.#drift.compare(connection, signal)
  }

  async #connect(
    callerClient: CallerClient | undefined,
    prior: PriorDiscovery | undefined,
    onClosed: () => void,
    signal: AbortSignal,
    onListChanged: () => void,
  ): Promise<Connection> {
    const watches = new ResourceWatches()
    const connection = await openConnection(this.#options, {
      callerClient,
      prior,
      events: { onListChanged, onResourceUpdated: (uri) => watches.notify(uri), onClosed },
      signal: AbortSignal.any([signal, this.#stop.signal]),
    })
    this.#watches.set(connection, watches)
    return connection
  }

  #watchesOf(connection: Connection): ResourceWatches {
    const watches = this.#watches.get(connection) ?? new ResourceWatches()
    this.#watches.set(connection, watches)
    return watches
  }

  #reloadIfOld(): void {
    if (
      this.config.disabled ||
      this.#sharedConnection.state === 'ready' ||
      this.#sharedConnection.state === 'backoff'
    )
      return
    if (!this.#lists.isOld) return
    void this.#sharedConnection.use(() => Promise.resolve(), this.#stop.signal).catch(() => undefined)
  }
}
