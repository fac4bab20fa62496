import { BrokerError } from '../../base/errors.ts'
import type { ServerConfig } from '../config/config.ts'
import type { SupervisedConnection } from '../connection/supervised-connection.ts'

/** The connections of one server that each serve a single caller or session, at most `maxConnections` of them. */
export class CallerConnections {
  readonly #config: Pick<ServerConfig, 'name' | 'maxConnections'>
  readonly #connections = new Map<string, SupervisedConnection>()

  constructor(config: Pick<ServerConfig, 'name' | 'maxConnections'>) {
    this.#config = config
  }

  get all(): readonly SupervisedConnection[] {
    return [...this.#connections.values()]
  }

  get(key: string): SupervisedConnection | undefined {
    return this.#connections.get(key)
  }

  /** The connection of `key`, made by `create` if there is none. Throws `upstream-busy` when all connections are in use. */
  getOrAdd(key: string, create: () => SupervisedConnection): SupervisedConnection {
    const known = this.#connections.get(key)
    if (known !== undefined) return known
    if (this.#connections.size >= this.#config.maxConnections) this.#closeOneIdle()
    const added = create()
    this.#connections.set(key, added)
    return added
  }

  async close(key: string): Promise<void> {
    const connection = this.#connections.get(key)
    this.#connections.delete(key)
    await connection?.close()
  }

  #closeOneIdle(): void {
    for (const [key, connection] of this.#connections) {
      if (!connection.isIdle) continue
      void this.close(key)
      return
    }
    const { name } = this.#config
    throw new BrokerError('upstream-busy', `server “${name}” has no connection left for another caller`, {
      details: { provider: name, retryAfter: 5 },
    })
  }
}
