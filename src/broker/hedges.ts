import { BrokerError } from '../base/errors.ts'
import { money } from '../base/money.ts'
import type { Endpoint } from '../catalog/catalog.ts'
import { mostItCanCost } from '../ledger/cost.ts'
import type { Hold } from '../ledger/ledger-types.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Limits } from '../limits/limits.ts'
import type { EndpointFiguresBook } from './endpoint-figures.ts'
import type { Errand } from './errand.ts'
import { mostUsageAt, type Grant, type Ordered } from './grant.ts'

/** When a second endpoint may be asked beside one that is slow to speak, and how often. */
export interface Hedges {
  /** Milliseconds after which this endpoint is unusually late; `undefined` when too little is known of it. */
  patienceMs(endpointId: string): number | undefined
  /** A request comes in that allows it: it adds its share to the budget. */
  enter(): void
  /** Takes one extra request from the budget; false when there is none left. */
  take(): boolean
}

/** So many extra requests may be saved up in quiet times for a bad moment. */
const MOST_SAVED = 10
const WHOLE = 100

/** @param percent extra requests per hundred requests that allow them. */
export function createHedges(figures: Pick<EndpointFiguresBook, 'slowMs'>, percent: number): Hedges {
  let saved = 0
  return {
    patienceMs: (endpointId) => figures.slowMs(endpointId),
    enter() {
      saved = Math.min(MOST_SAVED * WHOLE, saved + percent)
    },
    take() {
      if (saved < WHOLE) return false
      saved -= WHOLE
      return true
    },
  }
}

/** For a stream that somebody else could begin as well, when it is known what is slow. */
export function hedgesFor(errand: Errand, grant: Grant, hedges: Hedges | undefined): Hedges | undefined {
  const [first, second] = grant.candidates
  if (!errand.streamed || errand.kind !== 'chat' || first === undefined || second === undefined)
    return undefined
  if (hedges?.patienceMs(first.id) === undefined) return undefined
  hedges.enter()
  return hedges
}

/**
 * Sets aside what an endpoint can cost that is to be asked beside another one. The result takes the place of the hold;
 * `undefined` when the caller's budgets don't cover both.
 */
export async function coverBoth(
  endpoint: Endpoint,
  hold: Hold,
  ordered: Ordered,
  { ledger, limits }: { readonly ledger: Pick<Ledger, 'raise'>; readonly limits: Pick<Limits, 'allowance'> },
): Promise<Hold | undefined> {
  const { price } = endpoint
  const next = price && mostItCanCost(mostUsageAt(ordered, endpoint), price)
  // Whoever may be asked without a price was let through by the grant.
  if (next === undefined || hold.most === undefined) return hold
  // Nothing waits between this look and the raise, so nobody else can hold the same money.
  const left = limits.allowance(hold.caller)?.left
  if (left !== undefined && next > left) return undefined
  return ledger.raise(hold, money(hold.most + next)).catch(refused)
}

/** With a full disk nobody is asked for more. */
function refused(error: unknown): undefined {
  if (error instanceof BrokerError && error.code === 'store-full') return undefined
  throw error
}
