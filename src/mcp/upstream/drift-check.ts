import type { Tool } from '@modelcontextprotocol/client'
import { BrokerError } from '../../base/errors.ts'
import type { Connection } from '../connection/connection.ts'
import { loadLists } from './capabilities.ts'
import type { UpstreamServerOptions } from './types.ts'

/**
 * Compares the tools of a caller's own connection with the approved definitions: a program that was replaced after its
 * list was loaded is noticed before its first call.
 */
export class DriftCheck {
  readonly #server: Pick<UpstreamServerOptions, 'config' | 'pins'>
  /** By connection: names of tools that differ from their approved definition. */
  readonly #drifted = new WeakMap<Connection, ReadonlySet<string>>()

  constructor(server: Pick<UpstreamServerOptions, 'config' | 'pins'>) {
    this.#server = server
  }

  /** Loads the tools of `connection` and records which of them are not approved as they are. */
  async compare(connection: Connection, signal: AbortSignal): Promise<void> {
    const { config, pins } = this.#server
    if (config.review === 'off') return
    const { tools } = await loadLists(connection, config, signal)
    const drifted = tools.filter((tool) => !pins.isApproved(config.name, tool))
    this.#drifted.set(connection, new Set(drifted.map(({ name }) => name)))
  }

  /** Throws `forbidden` for a tool that differs from its approved definition. */
  assertApproved(connection: Connection, { name }: Tool): void {
    if (this.#drifted.get(connection)?.has(name) !== true) return
    throw new BrokerError(
      'forbidden',
      `tool “${name}” of server “${this.#server.config.name}” changed and waits for approval`,
    )
  }
}
