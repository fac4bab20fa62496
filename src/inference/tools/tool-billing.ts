import { BrokerError } from '../../base/errors.ts'
import { formatDollars } from '../../base/money.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { Hold } from '../../ledger/types.ts'
import type { Allowance, Limits } from '../../limits/limits.ts'
import type { ToolCall, ToolMeter, ToolOutcome } from '../../mcp/types.ts'

export interface ToolMeterOptions {
  readonly ledger: Ledger
  readonly limits: Pick<Limits, 'allowance'>
  readonly log: { error(details: object, message: string): void }
}

/** Where a tool's price comes from: the file of servers, which has no version. */
const PRICE_VERSION = 'mcp'

/**
 * Tool calls in the same books as tokens: a hold of the configured price before the server is asked, one row of kind `tool` when
 * the call ended. A call that never reached its server costs nothing, one without a configured price nobody knows what; one
 * that the caller's budget can't pay is refused with `over-budget`.
 */
export function createToolMeter({ ledger, limits, log }: ToolMeterOptions): ToolMeter {
  return {
    async start(call) {
      // Nothing waits between this look and the hold, so nobody else can hold the same money.
      refuseTooDear(call, limits)
      const hold = await ledger.hold({
        id: call.id,
        caller: call.caller,
        kind: 'tool',
        modelAsked: call.tool,
        streamed: false,
        most: call.price,
        startedAt: call.startedAt,
        group: call.group,
      })
      return { settle: (outcome) => void settle(call, hold, outcome) }
    },
  }

  /** The result doesn't wait for the disk; the hold that is written already keeps the call from being lost. */
  async function settle(call: ToolCall, hold: Hold, outcome: ToolOutcome): Promise<void> {
    try {
      await ledger.settle(hold, settlementOf(call, outcome))
    } catch (error) {
      log.error({ err: error, tool: call.tool }, 'a tool call could not be booked')
    }
  }
}

function refuseTooDear({ caller, tool, price }: ToolCall, limits: Pick<Limits, 'allowance'>): void {
  const allowance = limits.allowance(caller)
  if (allowance === undefined) return
  if (price === undefined) return refuseUnpriced(tool, allowance)
  if (price <= allowance.left) return
  throw new BrokerError(
    'over-budget',
    `${allowance.name} has $${formatDollars(allowance.left)} left, a call of “${tool}” costs $${formatDollars(price)}`,
  )
}

function refuseUnpriced(tool: string, { name, mayBeUnpriced }: Allowance): void {
  if (mayBeUnpriced) return
  throw new BrokerError(
    'over-budget',
    `${name} has a budget, and nobody knows what a call of “${tool}” costs: set its price in the file of servers ("prices", 0 if it is free), or have the limit allow unpriced ones`,
  )
}

function settlementOf(
  { server, tool }: ToolCall,
  { status, wasAsked, cost, error, durationMs }: ToolOutcome,
) {
  return {
    status,
    endpoint: wasAsked ? `${server}/${tool.slice(server.length + '__'.length)}` : undefined,
    provider: server,
    attempts: [],
    usage: undefined,
    countSource: 'none',
    cost,
    costLow: undefined,
    costHigh: undefined,
    priceVersion: PRICE_VERSION,
    finishReason: undefined,
    error,
    firstTokenMs: undefined,
    durationMs,
  } as const
}
