import type {
  InputRequiredResult,
  ReadResourceResult,
  Resource,
  ResourceTemplateType,
} from '@modelcontextprotocol/client'
import { BrokerError } from '../base/errors.ts'
import { truncate } from '../base/text.ts'
import type { ToolCaller } from './policy/tool-policy.ts'
import { NEVER, type RequestRelay, scopeOf } from './request-relay.ts'
import type { CallOptions } from './types.ts'

/** The resources and resource templates of all servers. */
export class Resources {
  readonly #relay: RequestRelay

  constructor(relay: RequestRelay) {
    this.#relay = relay
  }

  async list(caller: ToolCaller, signal: AbortSignal): Promise<readonly Resource[]> {
    const { servers } = this.#relay
    await servers.list(signal)
    return servers.tables.resources.resources
      .filter(({ server, original }) => this.#relay.mayRead(caller, server, original))
      .map(({ exposed }) => exposed)
  }

  async listTemplates(caller: ToolCaller, signal: AbortSignal): Promise<readonly ResourceTemplateType[]> {
    const { servers } = this.#relay
    await servers.list(signal)
    return servers.tables.resources.templates
      .filter(({ server, original }) => this.#relay.mayRead(caller, server, original))
      .map(({ exposed }) => exposed)
  }

  async read(
    caller: ToolCaller,
    uri: string,
    options: CallOptions,
  ): Promise<ReadResourceResult | InputRequiredResult> {
    const owner = await this.#ownerOf(caller, uri, options)
    const target = { server: owner.server, subject: `resource ${owner.uri}` }
    const result = await this.#relay.send<ReadResourceResult>(
      caller,
      target,
      options,
      (connection, relayOptions) => connection.readResource(owner.uri, relayOptions),
    )
    const limit = this.#relay.servers.get(owner.server).config.maxResultBytes
    if (JSON.stringify(result).length > limit) {
      throw new BrokerError('too-large', `resource “${truncate(uri)}” is larger than ${limit} bytes`)
    }
    return result
  }

  async watch(
    caller: ToolCaller,
    uri: string,
    onUpdate: () => void,
    options: CallOptions,
  ): Promise<() => Promise<void>> {
    const owner = await this.#ownerOf(caller, uri, options)
    const server = this.#relay.servers.get(owner.server)
    return server.watchResource(
      scopeOf(caller, options.session),
      owner.uri,
      onUpdate,
      options.signal ?? NEVER,
    )
  }

  async #ownerOf(caller: ToolCaller, uri: string, { signal = NEVER }: CallOptions) {
    const owner = await this.#relay.servers.find(
      ({ resources }) =>
        resources.ownersOf(uri).find((owner) => this.#relay.mayRead(caller, owner.server, owner.uri)),
      signal,
    )
    if (owner === undefined) throw new BrokerError('not-found', `there is no resource “${truncate(uri)}”`)
    return owner
  }
}
