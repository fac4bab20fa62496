import { moneyDetails } from '../budget/held-money.ts'
import { BrokerError } from '../../base/errors.ts'
import { usdText } from '../../base/money.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { Hold } from '../../ledger/types.ts'
import type { Allowance, Limits } from '../../limits/limits.ts'
import type { ToolCall, ToolMeter, ToolOutcome } from '../../mcp/types.ts'

/** What the billing of tool calls needs. */
export interface ToolBillingOptions {
  readonly ledger: Ledger
  readonly limits: Pick<Limits, 'allowance'>
  readonly log: { error(details: object, message: string): void }
}

/** A tool's price comes from the file of MCP servers, which has no version. */
const PRICE_VERSION = 'mcp'

/**
 * Books tool calls in the ledger, like model requests: a hold of the configured price before the server is called, one row of
 * kind `tool` when the call has ended. A call that never reached its server costs nothing; the cost of a call without a
 * configured price is unknown. Throws `over-budget` for a call that the caller's budget cannot pay.
 */
export function createToolMeter({ ledger, limits, log }: ToolBillingOptions): ToolMeter {
  return {
    async start(call) {
      // There is no `await` between this check and the hold, so no other request can hold the same money.
      assertAffordable(call, limits)
      const hold = await ledger.hold({
        id: call.id,
        caller: call.caller,
        kind: 'tool',
        requestedModel: call.tool,
        streamed: false,
        maxCost: call.price,
        startedAt: call.startedAt,
        group: call.group,
      })
      return { settle: (outcome) => void settle(call, hold, outcome) }
    },
  }

  /** The tool's result does not wait for the disk: the hold is in the database already, so the call cannot be lost. */
  async function settle(call: ToolCall, hold: Hold, outcome: ToolOutcome): Promise<void> {
    try {
      await ledger.settle(hold, settlementOf(call, outcome))
    } catch (error) {
      log.error({ err: error, tool: call.tool }, 'a tool call could not be booked')
    }
  }
}

function assertAffordable({ caller, tool, price }: ToolCall, limits: Pick<Limits, 'allowance'>): void {
  const allowance = limits.allowance(caller)
  if (allowance === undefined) return
  if (price === undefined) return assertUnpricedAllowed(tool, allowance)
  if (price <= allowance.remaining) return
  throw new BrokerError(
    'over-budget',
    `${allowance.name} has $${usdText(allowance.remaining)} left, a call of “${tool}” costs $${usdText(price)}`,
    { details: moneyDetails(allowance, price) },
  )
}

function assertUnpricedAllowed(tool: string, { name, allowUnpriced }: Allowance): void {
  if (allowUnpriced) return
  throw new BrokerError(
    'over-budget',
    `${name} has a budget, and “${tool}” has no price: set one in the file of MCP servers ("prices", 0 if it is free), or let the limit allow unpriced calls`,
  )
}

function settlementOf({ server, tool }: ToolCall, { status, wasSent, cost, error, durationMs }: ToolOutcome) {
  return {
    status,
    endpoint: wasSent ? `${server}/${tool.slice(server.length + '__'.length)}` : undefined,
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
