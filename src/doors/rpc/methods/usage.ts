import { formatDollars } from '../../../base/money.ts'
import type { Rooms } from '../../../broker/rooms.ts'
import type { UsageTotals } from '../../../ledger/ledger-types.ts'
import type { Result } from '../../../wire/rpc.ts'
import type { HandlersOf } from '../handlers.ts'

export function usageHandlers({ ledger }: Rooms): HandlersOf<'usage.summary'> {
  return {
    'usage.summary': async ({ since, until }) => {
      const { models, ...totals } = await ledger.summary({ since, until })
      return {
        totals: wireTotals(totals),
        models: models.map(({ model, ...own }) => ({ model, ...wireTotals(own) })),
      }
    },
  }
}

function wireTotals(totals: UsageTotals): Result<'usage.summary'>['totals'] {
  return {
    requests: totals.requests,
    prompt_tokens: totals.promptTokens,
    completion_tokens: totals.completionTokens,
    total_tokens: totals.totalTokens,
    cost_usd: formatDollars(totals.cost),
    uncertain_usd: formatDollars(totals.uncertain),
    unpriced: totals.unpriced,
  }
}
