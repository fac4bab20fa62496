import { BrokerError } from '../../base/errors.ts'
import { money, NOTHING, type Money } from '../../base/money.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import { mostItCanCost } from '../../ledger/cost.ts'
import type { Hold } from '../../ledger/types.ts'
import { mostUsageAt, type Ordered } from '../budget/affordable-candidates.ts'
import type { AnswerRecord } from './request-record.ts'
import type { Books } from '../budget/accounting.ts'

/** Who is to be asked after somebody who may bill already. */
export interface NextAsked {
  readonly endpoint: Endpoint
  /** What it is asked, in bytes. */
  readonly byteLength: number
}

/**
 * Sets aside, before one more endpoint is asked, what that can cost on top of what the request may have cost so far. The
 * result takes the place of the hold; `undefined` when the caller's budgets don't cover it.
 */
export async function coverNext(
  { endpoint, byteLength }: NextAsked,
  hold: Hold,
  run: Ordered & { readonly record: AnswerRecord },
  books: Books,
): Promise<Hold | undefined> {
  const { price } = endpoint
  const most = mostUsageAt(run, endpoint)
  const promptTokensAtMost = most.promptTokensAtMost + Math.max(0, byteLength - run.errand.body.byteLength)
  const next = price && mostItCanCost({ ...most, promptTokensAtMost }, price)
  const { cost, costHigh = cost } = run.record.mostSoFar()
  // Whoever may be asked without a price was let through by the grant.
  if (next === undefined || costHigh === undefined || hold.most === undefined) return hold
  const needed = money(costHigh + next)
  return needed <= hold.most ? hold : raised(hold, money(needed - hold.most), books)
}

/**
 * Sets aside what an endpoint can cost that is to be asked beside another one. The result takes the place of the hold;
 * `undefined` when the caller's budgets don't cover both.
 */
export async function coverBoth(
  endpoint: Endpoint,
  hold: Hold,
  ordered: Ordered,
  books: Books,
): Promise<Hold | undefined> {
  const { price } = endpoint
  const next = price && mostItCanCost(mostUsageAt(ordered, endpoint), price)
  // Whoever may be asked without a price was let through by the grant.
  if (next === undefined || hold.most === undefined) return hold
  return raised(hold, next, books)
}

/** Nothing waits between the look at what is left and the raise, so nobody else can hold the same money. */
async function raised(hold: Hold, more: Money, { ledger, limits }: Books): Promise<Hold | undefined> {
  const left = limits.allowance(hold.caller)?.left
  if (left !== undefined && more > left) return undefined
  return ledger.raise(hold, money((hold.most ?? NOTHING) + more)).catch(refused)
}

/** With a full disk, or where another process keeps the books and finds that it is too much, nobody is asked for more. */
function refused(error: unknown): undefined {
  if (error instanceof BrokerError && REFUSALS.has(error.code)) return undefined
  throw error
}

const REFUSALS: ReadonlySet<string> = new Set(['store-full', 'over-budget'])
