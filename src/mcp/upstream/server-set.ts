import { isDeepStrictEqual } from 'node:util'
import type { Prompt, Tool } from '@modelcontextprotocol/client'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import type { ServerConfig } from '../config/config.ts'
import type { ListKind } from '../connection/connection.ts'
import { type NamedItem, nameTable } from '../config/tool-names.ts'
import { type ResourceTable, resourceTable } from './resource-table.ts'
import type { UpstreamServer } from './upstream-server.ts'

/** A tool or prompt and its server, in the table of names that callers see. */
export interface TableEntry<T> extends NamedItem {
  readonly definition: T
}

/** The tools, prompts and resources of all servers, by the names that callers see. */
export interface Tables {
  readonly tools: ReadonlyMap<string, TableEntry<Tool>>
  readonly prompts: ReadonlyMap<string, TableEntry<Prompt>>
  readonly resources: ResourceTable
}

/** A server whose lists are missing or incomplete, and why. */
export interface ServerProblem {
  readonly server: string
  readonly reason: string
}

export interface ServerSetOptions {
  readonly clock: Clock
  /** How long list requests wait for servers that start for the first time. */
  readonly listWaitMs: number
  readonly create: (config: ServerConfig, onChanged: (kind: ListKind) => void) => UpstreamServer
}

/** How long list requests wait for a server whose last start failed. */
const RETRY_WAIT_MS = 250

/** The start of a server, as list requests wait for it. */
interface ServerStart {
  /** Until when they wait, in monotonic milliseconds; absent before the start. */
  readonly waitUntil?: number
  readonly hasFailed: boolean
}

/** The configured servers and the merged tables of what they offer. */
export class ServerSet {
  readonly #options: ServerSetOptions
  readonly #servers: Map<string, UpstreamServer>
  readonly #listeners: Set<(kind: ListKind) => void>
  readonly #starts: WeakMap<UpstreamServer, ServerStart>
  /** The name of the server, in a view of a single one. */
  readonly #only: string | undefined
  #tables: Tables | undefined

  constructor(options: ServerSetOptions, view?: { of: ServerSet; only: string }) {
    this.#options = options
    this.#servers = view === undefined ? new Map<string, UpstreamServer>() : view.of.#servers
    this.#listeners = view === undefined ? new Set<(kind: ListKind) => void>() : view.of.#listeners
    this.#starts = view === undefined ? new WeakMap<UpstreamServer, ServerStart>() : view.of.#starts
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

  /** A view that contains one server alone, its names without prefix. */
  only(name: string): ServerSet {
    return new ServerSet(this.#options, { of: this, only: name })
  }

  /** Replaces servers that are new or configured differently; the others keep their connections. */
  async configure(configs: readonly ServerConfig[]): Promise<void> {
    const wanted = new Map(configs.map((config) => [config.name, config]))
    const removed = this.all.filter(({ config }) => !isDeepStrictEqual(config, wanted.get(config.name)))
    for (const { config } of removed) this.#servers.delete(config.name)
    for (const config of configs) {
      if (this.#servers.has(config.name)) continue
      this.#servers.set(
        config.name,
        this.#options.create(config, (kind) => this.#notify(kind)),
      )
    }
    for (const kind of ['tools', 'prompts', 'resources'] as const) this.#notify(kind)
    await Promise.all(removed.map((server) => server.close()))
  }

  /** Calls `listener` when a list changes, until the returned function is called. */
  onListChanged(listener: (kind: ListKind) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** The tables of the lists that are loaded. */
  get tables(): Tables {
    const enabled = this.all.filter(({ config }) => !config.disabled)
    this.#tables ??= {
      tools: nameTable(enabled.flatMap(({ config, lists }) => this.#entries(config, lists.tools))),
      prompts: nameTable(enabled.flatMap(({ config, lists }) => this.#entries(config, lists.prompts))),
      resources: resourceTable(enabled.map(({ config, lists }) => ({ server: config.name, ...lists }))),
    }
    return this.#tables
  }

  /** The result of `look` in the tables, as soon as the server that has it is listed; `undefined` if none has it. */
  async find<T>(lookUp: (tables: Tables) => T | undefined, signal: AbortSignal): Promise<T | undefined> {
    const known = lookUp(this.tables)
    if (known !== undefined) return known
    await this.list(signal, () => lookUp(this.tables) !== undefined)
    return lookUp(this.tables)
  }

  /** Waits until all lists are loaded or `isEnough`; for a server that hangs, only for `listWaitMs` and only once. */
  async list(signal: AbortSignal, isEnough: () => boolean = () => false): Promise<void> {
    const waiting = new Set<Promise<void>>()
    const stopped = new AbortController()
    const stopWaiting = (): void => stopped.abort()
    signal.addEventListener('abort', stopWaiting, { once: true })
    for (const server of this.all) {
      const wasListed = server.isListed
      const listed = this.#listOne(server, signal)
      const ms = wasListed ? 0 : this.#waitMsFor(server)
      if (ms <= 0) continue
      const isDone = this.#settledWithin(ms, listed, stopped.signal).finally(() => waiting.delete(isDone))
      waiting.add(isDone)
    }
    while (waiting.size > 0 && !isEnough() && !signal.aborted) await Promise.race(waiting)
    signal.removeEventListener('abort', stopWaiting)
    stopWaiting()
  }

  async #listOne(server: UpstreamServer, signal: AbortSignal): Promise<void> {
    try {
      await server.list(signal)
    } catch {
      // If only the caller disconnected, the start continues.
      if (!signal.aborted) this.#starts.set(server, { hasFailed: true })
    }
  }

  /** The remaining time that list requests wait for this start, counted from the first of them. */
  #waitMsFor(server: UpstreamServer): number {
    const { clock, listWaitMs } = this.#options
    const now = clock.monotonic()
    const { waitUntil, hasFailed } = this.#starts.get(server) ?? { hasFailed: false }
    const until = waitUntil ?? now + (hasFailed ? RETRY_WAIT_MS : listWaitMs)
    this.#starts.set(server, { waitUntil: until, hasFailed })
    return until - now
  }

  /** Resolves when the server is listed, after `ms`, or when `over` fires. */
  #settledWithin(ms: number, listed: Promise<void>, stopped: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(ms, resolve)
      stopped.addEventListener('abort', () => (cancel(), resolve()), { once: true })
      void listed.then(resolve)
    })
  }

  /** The servers whose lists are missing or incomplete. */
  problems(): readonly ServerProblem[] {
    return this.all.flatMap((server) => {
      const reason = server.problem ?? (server.isListed ? leftOutText(server) : 'it is still starting')
      return reason === undefined ? [] : [{ server: server.config.name, reason }]
    })
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((server) => server.close()))
  }

  #entries<T extends { readonly name: string }>(
    { name, prefix }: ServerConfig,
    definitions: readonly T[],
  ): TableEntry<T>[] {
    const isPrefixed = prefix && this.#only === undefined
    return definitions.map((definition) => ({
      server: name,
      name: definition.name,
      prefix: isPrefixed,
      definition,
    }))
  }

  #notify(kind: ListKind): void {
    for (const listener of this.#listeners) listener(kind)
  }
}

const MAX_SHOWN = 3

/** The items of its lists that can't be used. */
function leftOutText({ lists: { problems } }: UpstreamServer): string | undefined {
  if (problems.length === 0) return undefined
  const more = problems.length > MAX_SHOWN ? ` and ${problems.length - MAX_SHOWN} more` : ''
  return `incomplete: ${problems.slice(0, MAX_SHOWN).join('; ')}${more}`
}
