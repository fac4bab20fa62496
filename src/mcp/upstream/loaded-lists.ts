import type { Connection } from '../connection/connection.ts'
import { NO_LISTS, type ServerLists, changedLists, loadLists } from './capabilities.ts'
import type { UpstreamServerOptions } from './types.ts'

/** Lists of a server that is not connected, and so announces no changes, are reloaded after this time. */
const MAX_AGE_MS = 5 * 60_000
const RESUBSCRIBE_DELAY_MS = 5000

/** The lists of one server as last loaded, without the tools that wait for approval. */
export class LoadedLists {
  readonly #options: UpstreamServerOptions
  #lists: ServerLists | undefined
  #loadedAt = 0

  constructor(options: UpstreamServerOptions) {
    this.#options = options
  }

  /** Empty until the first load. */
  get lists(): ServerLists {
    return this.#lists ?? NO_LISTS
  }

  get isLoaded(): boolean {
    return this.#lists !== undefined
  }

  get isOld(): boolean {
    return this.#options.clock.monotonic() - this.#loadedAt >= MAX_AGE_MS
  }

  /** Loads the lists and reports each one that changed. */
  async load(connection: Connection, signal: AbortSignal): Promise<void> {
    const { config, pins, clock, onChanged } = this.#options
    const loaded = await loadLists(connection, config, signal)
    const before = this.lists
    this.#lists = { ...loaded, tools: pins.filterApproved(config, loaded.tools) }
    this.#loadedAt = clock.monotonic()
    for (const kind of changedLists(before, this.#lists)) onChanged(kind)
  }

  /** Keeps the lists up to date while `isOpen`: whenever the subscription to changes ends, reloads and subscribes again. */
  async follow(connection: Connection, isOpen: () => boolean, signal: AbortSignal): Promise<void> {
    if (connection.era !== 'modern') return
    for (;;) {
      const wasSubscribed = await connection.watchLists(signal).catch(() => true)
      if (!wasSubscribed || signal.aborted) return
      await new Promise<void>((resolve) => this.#options.clock.after(RESUBSCRIBE_DELAY_MS, resolve))
      if (!isOpen()) return
      await this.load(connection, signal).catch(() => undefined)
    }
  }
}
