import { isDeepStrictEqual } from 'node:util'
import type { Prompt, Tool } from '@modelcontextprotocol/client'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import type { ServerConfig } from '../config/config.ts'
import type { ListKind } from '../connection/connection.ts'
import { type Named, nameTable } from '../config/tool-names.ts'
import { type ResourceTable, resourceTable } from './resource-table.ts'
import type { UpstreamServer } from './upstream-server.ts'

/** Something a server offers, in the table of names that callers see. */
export interface Route<T> extends Named {
  readonly definition: T
}

/** Everything on offer, by the names that callers see. */
export interface Tables {
  readonly tools: ReadonlyMap<string, Route<Tool>>
  readonly prompts: ReadonlyMap<string, Route<Prompt>>
  readonly resources: ResourceTable
}

/** A server that callers may miss something of, and why. */
export interface ServerTrouble {
  readonly server: string
  readonly reason: string
}

export interface ServerSetOptions {
  readonly clock: Clock
  /** How long lists wait for servers that start for the first time. */
  readonly listWaitMs: number
  readonly create: (config: ServerConfig, onChanged: (kind: ListKind) => void) => UpstreamServer
}

/** How long lists wait for a server that could not be started before: one that is dead costs each of its starts this. */
const NEXT_WAIT_MS = 250

/** What lists know of a server's start. */
interface Start {
  /** Until when they wait for it; absent before it began. */
  readonly waitUntil?: number
  readonly hasFailed: boolean
}

/** The configured servers and the merged tables of what they offer. */
export class ServerSet {
  readonly #options: ServerSetOptions
  readonly #servers: Map<string, UpstreamServer>
  readonly #listeners: Set<(kind: ListKind) => void>
  readonly #starts: WeakMap<UpstreamServer, Start>
  /** In a view of one server: its name. */
  readonly #only: string | undefined
  #tables: Tables | undefined

  constructor(options: ServerSetOptions, view?: { of: ServerSet; only: string }) {
    this.#options = options
    this.#servers = view === undefined ? new Map<string, UpstreamServer>() : view.of.#servers
    this.#listeners = view === undefined ? new Set<(kind: ListKind) => void>() : view.of.#listeners
    this.#starts = view === undefined ? new WeakMap<UpstreamServer, Start>() : view.of.#starts
    this.#only = view?.only
    this.onListChanged(() => (this.#tables = undefined))
  }

  get all(): readonly UpstreamServer[] {
    const all = [...this.#servers.values()]
    return this.#only === undefined ? all : all.filter(({ config }) => config.name === this.#only)
  }

  /** Throws `not-found` for a server that the configuration no longer has. */
  get(name: string): UpstreamServer {
    const server = this.#servers.get(name)
    if (server === undefined) throw new BrokerError('not-found', `server “${name}” is gone`)
    return server
  }

  /** The same servers seen through one of them: nothing else is there, and its names have no prefix. */
  only(name: string): ServerSet {
    return new ServerSet(this.#options, { of: this, only: name })
  }

  /** Starts over with servers that are new or configured otherwise; the rest keeps its connections. */
  async configure(configs: readonly ServerConfig[]): Promise<void> {
    const wanted = new Map(configs.map((config) => [config.name, config]))
    const leaving = this.all.filter(({ config }) => !isDeepStrictEqual(config, wanted.get(config.name)))
    for (const { config } of leaving) this.#servers.delete(config.name)
    for (const config of configs) {
      if (this.#servers.has(config.name)) continue
      this.#servers.set(
        config.name,
        this.#options.create(config, (kind) => this.#tell(kind)),
      )
    }
    for (const kind of ['tools', 'prompts', 'resources'] as const) this.#tell(kind)
    await Promise.all(leaving.map((server) => server.close()))
  }

  /** Tells when a list changed; the returned function ends that. */
  onListChanged(listener: (kind: ListKind) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** What is on offer as far as it is known. */
  get tables(): Tables {
    const live = this.all.filter(({ config }) => !config.disabled)
    this.#tables ??= {
      tools: nameTable(live.flatMap(({ config, offer }) => this.#routes(config, offer.tools))),
      prompts: nameTable(live.flatMap(({ config, offer }) => this.#routes(config, offer.prompts))),
      resources: resourceTable(live.map(({ config, offer }) => ({ server: config.name, ...offer }))),
    }
    return this.#tables
  }

  /** What `look` finds in the tables, as soon as the server that has it is listed. */
  async find<T>(look: (tables: Tables) => T | undefined, signal: AbortSignal): Promise<T | undefined> {
    const known = look(this.tables)
    if (known !== undefined) return known
    await this.list(signal, () => look(this.tables) !== undefined)
    return look(this.tables)
  }

  /** Waits until all lists are known or `isEnough`; a server that hangs is waited for once, and only so long. */
  async list(signal: AbortSignal, isEnough: () => boolean = () => false): Promise<void> {
    const waiting = new Set<Promise<void>>()
    const over = new AbortController()
    const giveUp = (): void => over.abort()
    signal.addEventListener('abort', giveUp, { once: true })
    for (const server of this.all) {
      const wasListed = server.isListed
      const listed = this.#listOne(server, signal)
      const ms = wasListed ? 0 : this.#patienceFor(server)
      if (ms <= 0) continue
      const isDone = this.#within(ms, listed, over.signal).finally(() => waiting.delete(isDone))
      waiting.add(isDone)
    }
    while (waiting.size > 0 && !isEnough() && !signal.aborted) await Promise.race(waiting)
    signal.removeEventListener('abort', giveUp)
    giveUp()
  }

  async #listOne(server: UpstreamServer, signal: AbortSignal): Promise<void> {
    try {
      await server.list(signal)
    } catch {
      // Where only the caller left, the server goes on starting.
      if (!signal.aborted) this.#starts.set(server, { hasFailed: true })
    }
  }

  /** What is left of the time that lists wait for this start, whichever of them came first. */
  #patienceFor(server: UpstreamServer): number {
    const { clock, listWaitMs } = this.#options
    const now = clock.monotonic()
    const { waitUntil, hasFailed } = this.#starts.get(server) ?? { hasFailed: false }
    const until = waitUntil ?? now + (hasFailed ? NEXT_WAIT_MS : listWaitMs)
    this.#starts.set(server, { waitUntil: until, hasFailed })
    return until - now
  }

  /** Resolves when the server is listed, its time is up, or nobody waits any more. */
  #within(ms: number, listed: Promise<void>, over: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(ms, resolve)
      over.addEventListener('abort', () => (cancel(), resolve()), { once: true })
      void listed.then(resolve)
    })
  }

  /** The servers that a list misses something of. */
  troubles(): readonly ServerTrouble[] {
    return this.all.flatMap((server) => {
      const reason = server.problem ?? (server.isListed ? undefined : 'it is still starting')
      return reason === undefined ? [] : [{ server: server.config.name, reason }]
    })
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((server) => server.close()))
  }

  #routes<T extends { readonly name: string }>(
    { name, prefix }: ServerConfig,
    definitions: readonly T[],
  ): Route<T>[] {
    const isPrefixed = prefix && this.#only === undefined
    return definitions.map((definition) => ({
      server: name,
      name: definition.name,
      prefix: isPrefixed,
      definition,
    }))
  }

  #tell(kind: ListKind): void {
    for (const listener of this.#listeners) listener(kind)
  }
}
