import type { Implementation, LoggingLevel, PriorDiscovery, Tool } from '@modelcontextprotocol/client'
import { SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import type { ServerConfig } from '../config/config.ts'
import { type Connection, type ListKind, connect } from '../connection/connection.ts'
import { createHttpTransport } from '../transport/http-transport.ts'
import { NO_OFFER, type Offer, changedLists, loadOffer } from './capabilities.ts'
import type { Peer } from '../connection/client-session.ts'
import type { Pins } from './tool-pinning.ts'
import { errorWithoutSecrets, withoutSecrets } from '../policy/redact-secrets.ts'
import { createStdioTransport } from '../transport/stdio-transport.ts'
import { type Settled, createSettled } from './debounce.ts'
import { Supervised, type SupervisedState, untilAborted } from '../connection/supervised-connection.ts'
import type { ToolLog } from '../config/log.ts'
import { asUpstreamError } from '../connection/server-errors.ts'

/** A list that nobody tells us changes of is asked for again after this long. */
const OLDEST_LIST_MS = 5 * 60_000
const WATCH_AGAIN_MS = 5000
/** Each question of a start has its time; a server that uses it up for the greeting and for the first lists is given up. */
const STEPS_OF_A_START = 2

/** Whose state a connection may hold: one caller's, or one session's. */
export interface Scope {
  readonly key: string
  readonly peer: Peer | undefined
}

type ToolServerState = SupervisedState | 'disabled'

export interface ServerStatus {
  readonly name: string
  readonly state: ToolServerState
  /** Why it is down or incomplete, in words for people. */
  readonly problem: string | undefined
  readonly era: 'legacy' | 'modern' | undefined
  readonly tools: number
  readonly connections: number
  readonly restarts: number
  readonly callsRunning: number
  readonly warnings: readonly string[]
}

export interface ToolServerOptions {
  readonly config: ServerConfig
  readonly identity: Implementation
  readonly pins: Pins
  readonly clock: Clock
  readonly random: () => number
  readonly log: ToolLog
  onChanged(kind: ListKind): void
}

interface Watch {
  readonly listeners: Set<() => void>
  readonly stop: Promise<() => Promise<void>>
}

/**
 * One configured server: a connection that knows what it offers, and connections for callers. Where the protocol has
 * sessions every caller gets a connection of its own, so that no caller meets another's state; where it has none (or
 * the configuration says that the server keeps none) one serves all.
 */
export class ToolServer {
  readonly config: ServerConfig
  readonly #options: ToolServerOptions
  readonly #listing: Supervised
  readonly #own = new Map<string, Supervised>()
  readonly #stop = new AbortController()
  /** Tools that a connection of its own was found to define otherwise than what was approved. */
  readonly #drifted = new WeakMap<Connection, ReadonlySet<string>>()
  readonly #watches = new WeakMap<Connection, Map<string, Watch>>()
  #offer: Offer | undefined
  #listedAt = 0
  #era: 'legacy' | 'modern' | undefined
  #prior: PriorDiscovery | undefined
  #speaksLegacy = true
  #callsRunning = 0
  readonly #reloading: Settled

  constructor(options: ToolServerOptions) {
    this.config = options.config
    this.#options = options
    this.#reloading = createSettled(options.clock, () => this.reload())
    this.#listing = this.#supervise((onClosed, signal) => this.#openListing(onClosed, signal))
  }

  /** What it offered when last asked; nothing until then. */
  get offer(): Offer {
    return this.#offer ?? NO_OFFER
  }

  get isListed(): boolean {
    return this.#offer !== undefined || this.config.disabled
  }

  /** Resolves when its lists are known. Throws `upstream-down`. */
  async list(signal: AbortSignal): Promise<void> {
    if (this.isListed) return this.#reloadIfOld()
    await this.#listing.use(() => Promise.resolve(), signal)
  }

  /** Why callers may miss something from this server; `undefined` when all is well. */
  get problem(): string | undefined {
    return this.config.disabled ? undefined : this.#listing.problem
  }

  status(): ServerStatus {
    const slots = [this.#listing, ...this.#own.values()]
    return {
      name: this.config.name,
      state: this.config.disabled ? 'disabled' : this.#listing.state,
      problem: this.problem,
      era: this.#era,
      tools: this.offer.tools.length,
      connections: slots.filter((slot) => slot.connection !== undefined).length,
      restarts: slots.reduce((sum, slot) => sum + slot.restarts, 0),
      callsRunning: this.#callsRunning,
      warnings: this.offer.problems,
    }
  }

  /** Runs `work` on the connection of `scope`; `tool` must still be what was approved. Throws upstream errors. */
  async use<T>(
    scope: Scope,
    work: (connection: Connection) => Promise<T>,
    { signal, tool }: { signal: AbortSignal; tool?: Tool | undefined },
  ): Promise<T> {
    if (this.#callsRunning >= this.config.maxConcurrentCalls) {
      throw new BrokerError(
        'upstream-busy',
        `server “${this.config.name}” has ${this.#callsRunning} calls running`,
        {
          details: { provider: this.config.name, retryAfter: 1 },
        },
      )
    }
    this.#callsRunning++
    try {
      return await this.#onConnection(scope, signal, async (connection) => {
        if (tool !== undefined) this.#refuseDrifted(connection, tool)
        return work(connection)
      })
    } catch (error) {
      throw this.#asUpstreamError(error, signal)
    } finally {
      this.#callsRunning--
    }
  }

  /** Calls `onUpdate` whenever the server says that the resource changed, until the returned function is called. */
  async watchResource(
    scope: Scope,
    uri: string,
    onUpdate: () => void,
    signal: AbortSignal,
  ): Promise<() => Promise<void>> {
    const slot = await this.#slotFor(scope, signal)
    const release = slot.hold()
    try {
      return await slot.use(async (connection) => {
        const watches = this.#watches.get(connection) ?? new Map<string, Watch>()
        this.#watches.set(connection, watches)
        const watch = watches.get(uri) ?? {
          listeners: new Set(),
          stop: connection.watchResource(uri, signal),
        }
        watches.set(uri, watch)
        watch.listeners.add(onUpdate)
        const stop = await watch.stop.catch((error: unknown) => {
          watches.delete(uri)
          throw error
        })
        return async () => {
          release()
          watch.listeners.delete(onUpdate)
          if (watch.listeners.size > 0 || watches.get(uri) !== watch) return
          watches.delete(uri)
          await stop().catch(() => undefined)
        }
      }, signal)
    } catch (error) {
      release()
      throw this.#asUpstreamError(error, signal)
    }
  }

  /** For a session that is already connected; one that isn't yet hears of its level when it connects. */
  async setLogLevel(scope: Scope, level: LoggingLevel): Promise<void> {
    const connection = this.#own.get(scope.key)?.connection
    await connection?.setLogLevel(level, this.#stop.signal).catch(() => undefined)
  }

  /** Asks for the lists again, and tells of what changed. */
  async reload(): Promise<void> {
    const connection = this.#listing.connection
    if (connection === undefined) return
    this.#setOffer(await loadOffer(connection, this.config, this.#stop.signal))
  }

  /** After an approval: the same lists judged again. */
  async reconsider(): Promise<void> {
    await this.#listing.use(() => this.reload(), this.#stop.signal)
  }

  /** Ends the connection of a session that is over. */
  async closeScope(key: string): Promise<void> {
    const slot = this.#own.get(key)
    this.#own.delete(key)
    await slot?.close()
  }

  async close(): Promise<void> {
    this.#reloading.cancel()
    this.#stop.abort()
    await Promise.all([this.#listing, ...this.#own.values()].map((slot) => slot.close()))
  }

  async #onConnection<T>(
    scope: Scope,
    signal: AbortSignal,
    work: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const slot = await this.#slotFor(scope, signal)
    try {
      return await slot.use(async (connection) => {
        try {
          return await work(connection)
        } catch (error) {
          if (connection.cutOffFor !== undefined) throw this.#cutOff(connection.cutOffFor)
          if (isSessionLost(error)) await slot.drop(connection)
          throw error
        }
      }, signal)
    } catch (error) {
      // A session that the server forgot: the call was turned away before it was looked at, so it may be made again.
      if (isSessionLost(error)) return slot.use(work, signal)
      // A server that answers the stateless revision only: this session shares the connection of all.
      if (
        this.#era === 'modern' &&
        slot !== this.#listing &&
        slot.state === 'backoff' &&
        this.#speaksLegacy
      ) {
        this.#speaksLegacy = false
        await this.closeScope(scope.key)
        return this.#listing.use(work, signal)
      }
      throw error
    }
  }

  async #slotFor(scope: Scope, signal: AbortSignal): Promise<Supervised> {
    await untilAborted(this.list(signal), signal)
    const sharesAll =
      this.config.shared || (this.#era === 'modern' && (scope.peer === undefined || !this.#speaksLegacy))
    if (sharesAll || this.config.era === 'modern') return this.#listing
    const known = this.#own.get(scope.key)
    if (known !== undefined) return known
    this.#makeRoom()
    const slot = this.#supervise((onClosed, signal) => this.#openOwn(scope, onClosed, signal))
    this.#own.set(scope.key, slot)
    return slot
  }

  #makeRoom(): void {
    if (this.#own.size < this.config.maxConnections) return
    for (const [key, slot] of this.#own) {
      if (!slot.isIdle) continue
      this.#own.delete(key)
      void slot.close()
      return
    }
    throw new BrokerError(
      'upstream-busy',
      `server “${this.config.name}” has no connection left for another caller`,
      {
        details: { provider: this.config.name, retryAfter: 5 },
      },
    )
  }

  #cutOff(problem: string): BrokerError {
    const { name } = this.config
    return new BrokerError('upstream-failed', `server “${name}” was cut off during the call: ${problem}`, {
      details: { provider: name },
    })
  }

  #asUpstreamError(error: unknown, signal: AbortSignal): BrokerError {
    const { name, address } = this.config
    return errorWithoutSecrets(asUpstreamError(name, error, signal.aborted), address)
  }

  #supervise(open: (onClosed: () => void, signal: AbortSignal) => Promise<Connection>): Supervised {
    const { clock, random, log, config } = this.#options
    return new Supervised({
      server: config.name,
      idleMs: config.idleMs,
      startMs: STEPS_OF_A_START * config.startTimeoutMs,
      clock,
      random,
      open,
      onFailure: (problem, cause) => {
        // Not the error itself: it carries what the server said, and that may be the key that it was given.
        const why = withoutSecrets(String(cause), config.address)
        log.warn({ server: config.name, why }, `mcp server: ${problem}`)
      },
    })
  }

  async #openListing(onClosed: () => void, signal: AbortSignal): Promise<Connection> {
    const open = (prior: PriorDiscovery | undefined): Promise<Connection> =>
      this.#connect(undefined, prior, onClosed, signal, () => this.#reloading.soon())
    const connection = await open(this.#prior).catch((error: unknown) => {
      if (this.config.address.type !== 'stdio' || !isEraUnclear(error)) throw error
      // An old program that ends when it hears an unknown word first: greet it the old way.
      return open({ kind: 'legacy' })
    })
    try {
      this.#era = connection.era
      this.#prior = connection.prior
      this.#setOffer(await loadOffer(connection, this.config, signal))
    } catch (error) {
      await connection.close()
      throw whyCutOff(connection) ?? error
    }
    void this.#keepWatchingLists(connection)
    return connection
  }

  async #openOwn(scope: Scope, onClosed: () => void, signal: AbortSignal): Promise<Connection> {
    const prior = scope.peer === undefined ? this.#prior : ({ kind: 'legacy' } as const)
    let opened: Connection | undefined
    const comparing = createSettled(this.#options.clock, async () => {
      if (opened !== undefined) await this.#compare(opened, signal)
    })
    const onOver = (): void => {
      comparing.cancel()
      onClosed()
    }
    const connection = await this.#connect(scope.peer, prior, onOver, signal, () => comparing.soon())
    opened = connection
    try {
      await this.#compare(connection, signal)
    } catch (error) {
      await connection.close()
      throw whyCutOff(connection) ?? error
    }
    return connection
  }

  /** A program that was exchanged while we held its list would show here, before its first call. */
  async #compare(connection: Connection, signal: AbortSignal): Promise<void> {
    if (connection.era !== this.#era || this.config.review === 'off') return
    const { tools } = await loadOffer(connection, this.config, signal)
    const drifted = tools.filter((tool) => !this.#options.pins.isApproved(this.config.name, tool))
    this.#drifted.set(connection, new Set(drifted.map(({ name }) => name)))
  }

  #refuseDrifted(connection: Connection, { name }: Tool): void {
    if (this.#drifted.get(connection)?.has(name) !== true) return
    throw new BrokerError(
      'forbidden',
      `tool “${name}” of server “${this.config.name}” changed and waits for approval`,
    )
  }

  async #connect(
    peer: Peer | undefined,
    prior: PriorDiscovery | undefined,
    onClosed: () => void,
    signal: AbortSignal,
    onListChanged: () => void,
  ): Promise<Connection> {
    const { identity, log, clock, config } = this.#options
    const { address } = config
    const transport =
      address.type === 'stdio'
        ? createStdioTransport(address, {
            clock,
            onGarbage: (line) =>
              log.debug?.({ server: config.name, length: line.length }, 'mcp server: not a message'),
          })
        : createHttpTransport(config.name, address, { clock })
    if (address.type === 'stdio')
      log.info({ server: config.name, command: address.command }, 'mcp server: starting')
    let connection: Connection | undefined
    const onResourceUpdated = (uri: string): void => {
      const watch = connection === undefined ? undefined : this.#watches.get(connection)?.get(uri)
      for (const listener of watch?.listeners ?? []) listener()
    }
    connection = await connect({
      config,
      transport,
      identity,
      peer,
      prior,
      signal: AbortSignal.any([signal, this.#stop.signal]),
      events: { onListChanged, onResourceUpdated, onClosed },
    }).catch((error: unknown) => {
      throw whyCutOff(transport) ?? error
    })
    return connection
  }

  #setOffer(loaded: Offer): void {
    const tools = this.#options.pins.admit(this.config, loaded.tools)
    const before = this.#offer
    this.#offer = { ...loaded, tools }
    this.#listedAt = this.#options.clock.monotonic()
    for (const kind of changedLists(before ?? NO_OFFER, this.#offer)) this.#options.onChanged(kind)
  }

  #reloadIfOld(): void {
    if (this.config.disabled || this.#listing.state === 'ready' || this.#listing.state === 'backoff') return
    if (this.#options.clock.monotonic() - this.#listedAt < OLDEST_LIST_MS) return
    void this.#listing.use(() => Promise.resolve(), this.#stop.signal).catch(() => undefined)
  }

  /** A subscription that broke off is made again, for as long as the connection is there. */
  async #keepWatchingLists(connection: Connection): Promise<void> {
    if (connection.era !== 'modern') return
    const { clock } = this.#options
    for (;;) {
      const asked = await connection.watchLists(this.#stop.signal).catch(() => true)
      if (!asked || this.#stop.signal.aborted) return
      await new Promise<void>((resolve) => clock.after(WATCH_AGAIN_MS, resolve))
      if (this.#listing.connection !== connection) return
      await this.reload().catch(() => undefined)
    }
  }
}

/** For a server that we ended while it started. */
function whyCutOff({ cutOffFor }: { readonly cutOffFor: string | undefined }): BrokerError | undefined {
  return cutOffFor === undefined ? undefined : new BrokerError('upstream-failed', cutOffFor)
}

function isEraUnclear(error: unknown): boolean {
  return SdkError.isInstance(error) && error.code === SdkErrorCode.EraNegotiationFailed
}

function isSessionLost(error: unknown): boolean {
  return SdkHttpError.isInstance(error) && error.status === 404
}
