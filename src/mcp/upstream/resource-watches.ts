import type { Connection } from '../connection/connection.ts'

interface Watch {
  readonly listeners: Set<() => void>
  readonly unsubscribe: Promise<() => Promise<void>>
}

/** The resource subscriptions of one connection: one per URI, however many listeners it has. */
export class ResourceWatches {
  readonly #watches = new Map<string, Watch>()

  /** Calls the listeners of a resource that changed. */
  notify(uri: string): void {
    for (const listener of this.#watches.get(uri)?.listeners ?? []) listener()
  }

  /** Adds a listener and subscribes if it is the first; the returned function removes it and unsubscribes after the last. */
  async add(
    connection: Connection,
    uri: string,
    onUpdate: () => void,
    signal: AbortSignal,
  ): Promise<() => Promise<void>> {
    const watch = this.#watches.get(uri) ?? {
      listeners: new Set(),
      unsubscribe: connection.watchResource(uri, signal),
    }
    this.#watches.set(uri, watch)
    watch.listeners.add(onUpdate)
    const unsubscribe = await watch.unsubscribe.catch((error: unknown) => {
      this.#watches.delete(uri)
      throw error
    })
    return async () => {
      watch.listeners.delete(onUpdate)
      if (watch.listeners.size > 0 || this.#watches.get(uri) !== watch) return
      this.#watches.delete(uri)
      await unsubscribe().catch(() => undefined)
    }
  }
}
