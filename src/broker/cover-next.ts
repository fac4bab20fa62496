import { BrokerError } from '../base/errors.ts'
import { money } from '../base/money.ts'
import type { Endpoint } from '../catalog/catalog.ts'
import { mostItCanCost } from '../ledger/cost.ts'
import type { Hold } from '../ledger/ledger-types.ts'
import { mostUsageAt, type Ordered } from './grant.ts'
import type { AnswerRecord } from './record.ts'
import type { BookAhead } from './rooms.ts'

/** Who is to bring a broken answer to its end. */
export interface Rescuer {
  readonly endpoint: Endpoint
  /** How many bytes it is asked with beyond the caller's request. */
  readonly longerBy: number
}

/**
 * Sets aside, before a broken answer is brought to its end, what that can cost on top of what the answer cost so far. The
 * result takes the place of the hold; `undefined` when the caller's budgets don't cover it.
 */
export async function coverRescue(
  { endpoint, longerBy }: Rescuer,
  hold: Hold,
  run: Ordered & { readonly record: AnswerRecord },
  { ledger, limits }: Awaited<ReturnType<BookAhead>>,
): Promise<Hold | undefined> {
  const { price } = endpoint
  const most = mostUsageAt(run, endpoint)
  const next =
    price &&
    mostItCanCost({ ...most, promptTokensAtMost: most.promptTokensAtMost + Math.max(0, longerBy) }, price)
  const { cost, costHigh = cost } = run.record.mostSoFar()
  // Whoever may be asked without a price was let through by the grant.
  if (next === undefined || costHigh === undefined || hold.most === undefined) return hold
  const needed = money(costHigh + next)
  if (needed <= hold.most) return hold
  // Nothing waits between this look and the raise, so nobody else can hold the same money.
  const left = limits.allowance(hold.caller)?.left
  if (left !== undefined && needed - hold.most > left) return undefined
  return ledger.raise(hold, needed).catch(refused)
}

/** With a full disk, or where another process keeps the books and finds that it is too much, nobody is asked for more. */
function refused(error: unknown): undefined {
  if (error instanceof BrokerError && REFUSALS.has(error.code)) return undefined
  throw error
}

const REFUSALS: ReadonlySet<string> = new Set(['store-full', 'over-budget'])
