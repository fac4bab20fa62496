import type { GetPromptResult, InputRequiredResult, Prompt } from '@modelcontextprotocol/client'
import { BrokerError } from '../base/errors.ts'
import { shortName } from '../base/text.ts'
import type { ToolCaller } from './policy/tool-policy.ts'
import { NEVER, type RequestRelay } from './request-relay.ts'
import type { CallOptions } from './types.ts'

/** The prompts of all servers. */
export class Prompts {
  readonly #relay: RequestRelay

  constructor(relay: RequestRelay) {
    this.#relay = relay
  }

  async list(caller: ToolCaller, signal: AbortSignal): Promise<readonly Prompt[]> {
    const { servers } = this.#relay
    await servers.list(signal)
    return [...servers.tables.prompts]
      .filter(([, route]) => this.#relay.mayUse(caller, route))
      .map(([name, { definition }]) => ({ ...definition, name }))
  }

  async get(
    caller: ToolCaller,
    name: string,
    args: Record<string, string>,
    options: CallOptions,
  ): Promise<GetPromptResult | InputRequiredResult> {
    const { servers } = this.#relay
    const route = await servers.find(({ prompts }) => prompts.get(name), options.signal ?? NEVER)
    if (route === undefined || !this.#relay.mayUse(caller, route)) {
      throw new BrokerError('not-found', `there is no prompt “${shortName(name)}”`)
    }
    const { server, definition } = route
    const target = { server, subject: `prompt ${definition.name}` }
    return this.#relay.send(caller, target, options, (connection, relayOptions) =>
      connection.getPrompt(definition.name, args, relayOptions),
    )
  }
}
