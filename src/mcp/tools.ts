import {
  type CallToolResult,
  type InputRequiredResult,
  type Tool,
  isInputRequiredResult,
} from '@modelcontextprotocol/client'
import type { Clock } from '../base/clock.ts'
import { BrokerError, asBrokerError } from '../base/errors.ts'
import { generationId } from '../base/ids.ts'
import { type Money, ZERO } from '../base/money.ts'
import { truncate } from '../base/text.ts'
import type { CallerIdentity } from './policy/caller-identity.ts'
import { resultWithoutSecrets } from './policy/redact-secrets.ts'
import { limitResult } from './policy/result-limits.ts'
import type { ToolCaller } from './policy/tool-policy.ts'
import { NEVER, type RequestRelay } from './request-relay.ts'
import type { CallOptions, ListedTool, ToolMeter, ToolOutcome } from './types.ts'
import type { TableEntry } from './upstream/server-set.ts'
import type { ToolPins } from './upstream/pinning/tool-pinning.ts'
import type { McpLog } from './upstream/types.ts'

interface ToolsOptions {
  readonly relay: RequestRelay
  readonly pins: ToolPins
  readonly clock: Clock
  readonly log: McpLog
  readonly meter?: ToolMeter | undefined
  readonly identity?: CallerIdentity | undefined
}

/** The tools of all servers: the list a caller sees, and calls. */
export class Tools {
  readonly #options: ToolsOptions

  constructor(options: ToolsOptions) {
    this.#options = options
  }

  /** The tools that `caller` may use, as far as their servers are listed. */
  listed(caller: ToolCaller): ListedTool[] {
    const { relay } = this.#options
    return [...relay.servers.tables.tools]
      .filter(([, entry]) => relay.mayUse(caller, entry))
      .map(([name, entry]) => this.#listed(name, entry))
  }

  async find(caller: ToolCaller, name: string, signal: AbortSignal): Promise<ListedTool | undefined> {
    const entry = await this.#entryOf(name, signal)
    if (entry === undefined || !this.#options.relay.mayUse(caller, entry)) return undefined
    return this.#listed(name, entry)
  }

  async call(
    caller: ToolCaller,
    name: string,
    args: Record<string, unknown>,
    options: CallOptions,
  ): Promise<CallToolResult | InputRequiredResult> {
    const { relay } = this.#options
    const entry = await this.#entryOf(name, options.signal ?? NEVER)
    if (entry === undefined) throw this.#noSuchTool(name)
    if (!relay.mayUse(caller, entry)) throw new BrokerError('forbidden', `you may not use tool “${name}”`)
    const { server, definition } = entry
    const { config } = relay.servers.get(server)
    const call = await this.#startCall(caller, entry, options)
    const identity = config.forwardCaller
      ? this.#options.identity?.begin({ caller, server, call: call.id })
      : undefined
    try {
      const target = { server, subject: `tool ${definition.name}`, tool: definition }
      const result = await relay.send<CallToolResult>(caller, target, options, (connection, relayOptions) => {
        call.onSent()
        return connection.callTool(definition, args, { ...relayOptions, callerMeta: identity?.meta })
      })
      call.settle('finished')
      if (isInputRequiredResult(result)) return result
      return limitResult(resultWithoutSecrets(result, config.address), config.maxResultBytes)
    } catch (thrown) {
      const error = asBrokerError(thrown)
      call.settle(options.signal?.aborted === true ? 'cancelled' : 'failed', error)
      throw error
    } finally {
      identity?.end()
    }
  }

  #entryOf(name: string, signal: AbortSignal): Promise<TableEntry<Tool> | undefined> {
    return this.#options.relay.servers.find(({ tools }) => tools.get(name), signal)
  }

  #listed(name: string, { server, definition }: TableEntry<Tool>): ListedTool {
    return { server, definition: { ...definition, name }, price: this.#priceOf(server, definition) }
  }

  #priceOf(server: string, { name }: Tool): Money | undefined {
    const { prices } = this.#options.relay.servers.get(server).config
    return prices.get(name) ?? prices.get('*')
  }

  #noSuchTool(name: string): BrokerError {
    const { pins, relay } = this.#options
    const isHeld = pins.held().some(({ server, tool }) => name === `${server}__${tool}`)
    if (isHeld) return new BrokerError('forbidden', `tool “${name}” changed and waits for approval`)
    const down = relay.servers.problems().find(({ server }) => name.startsWith(`${server}__`))
    if (down !== undefined) {
      return new BrokerError('upstream-down', `server “${down.server}” is not available: ${down.reason}`)
    }
    return new BrokerError('not-found', `there is no tool “${truncate(name)}”`)
  }

  /** Starts metering a call. `settle` reports its end, at the price if `onSent` was called and at zero otherwise. */
  async #startCall(
    caller: ToolCaller,
    { server, definition }: TableEntry<Tool>,
    { group, onOutcome }: CallOptions,
  ) {
    const { clock, log, meter } = this.#options
    const startedAtMs = clock.monotonic()
    const tool = `${server}__${definition.name}`
    const price = this.#priceOf(server, definition)
    const startedAt = clock.now()
    const id = generationId(startedAt)
    const entry = await meter?.start({ id, caller, server, tool, price, startedAt, group })
    let wasSent = false
    return {
      id,
      onSent: () => void (wasSent = true),
      settle: (status: ToolOutcome['status'], error?: BrokerError): void => {
        const durationMs = clock.monotonic() - startedAtMs
        log.info({ server, tool, status, ms: Math.round(durationMs), error: error?.code }, 'mcp: tool call')
        const cost = wasSent ? price : ZERO
        const reason = error === undefined ? undefined : `${error.code}: ${error.message}`
        const outcome = { status, wasSent, cost, error: reason, durationMs }
        entry?.settle(outcome)
        onOutcome?.(outcome)
      },
    }
  }
}
