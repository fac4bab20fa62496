import type { GetPromptResult, InputRequiredResult, Prompt } from '@modelcontextprotocol/client'
import { BrokerError } from '../base/errors.ts'
import { truncate } from '../base/text.ts'
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
      .filter(([, entry]) => this.#relay.mayUse(caller, entry))
      .map(([name, { definition }]) => ({ ...definition, name }))
  }

  async get(
    caller: ToolCaller,
    name: string,
    args: Record<string, string>,
    options: CallOptions,
  ): Promise<GetPromptResult | InputRequiredResult> {
    const { servers } = this.#relay
    const entry = await servers.find(({ prompts }) => prompts.get(name), options.signal ?? NEVER)
    if (entry === undefined || !this.#relay.mayUse(caller, entry)) {
      throw new BrokerError('not-found', `there is no prompt “${truncate(name)}”`)
    }
    const { server, definition } = entry
    const target = { server, subject: `prompt ${definition.name}` }
    return this.#relay.send(caller, target, options, (connection, relayOptions) =>
      connection.getPrompt(definition.name, args, relayOptions),
    )
  }
}
