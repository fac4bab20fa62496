import { ZERO } from '../../base/money.ts'
import type { Outcome } from '../../cascade/hop/outcome.ts'
import type { AttemptCost } from './attempt-cost.ts'

/** What an attempt cost by the word of the mother that it was sent to, after its end. */
export function chargeOf(outcome: Exclude<Outcome, { state: 'open' }>): AttemptCost {
  // She never had the request.
  if (outcome.state === 'unknown') return NOTHING
  const { cost, costLow, costHigh, usage, countSource } = outcome
  return {
    usage,
    countSource,
    cost,
    costLow,
    costHigh,
    costSource: cost === undefined ? 'none' : 'upstream',
    upstreamCost: cost,
  }
}

const NOTHING: AttemptCost = {
  usage: undefined,
  countSource: 'none',
  cost: ZERO,
  costLow: undefined,
  costHigh: undefined,
}
