import { BrokerError, type ErrorDetails } from '../../base/errors.ts'
import { usdText, type Money } from '../../base/money.ts'
import type { Allowance } from '../../limits/limits.ts'
import type { RequestContext } from '../request/inference-request.ts'

/** Seconds after which a retry makes sense: running requests end at an unknown time. */
const RETRY_AFTER_S = 1
/** `X-Budget-Wait-Ms`: for how long a request may wait for money that running requests hold. */
const WAIT_HEADER = 'x-budget-wait-ms'
const MAX_WAIT_MS = 30_000

/** Whether running requests hold the money for `cost`, and nothing but their end is missing. */
function isOnlyHeld({ unspent }: Allowance, cost: Money): boolean {
  return unspent !== undefined && cost <= unspent
}

/** What an error tells beyond its text about money that is missing for `cost`. */
export function moneyDetails(allowance: Allowance, cost: Money): ErrorDetails {
  if (allowance.isLease === true) return LEASE
  return isOnlyHeld(allowance, cost) ? HELD : SPENT
}

/** The `over-budget` error of a request that costs `cost`. Its metadata tells money that is spent from money that is held. */
export function overBudgetError(
  allowance: Allowance,
  cost: Money,
  texts: { readonly what: string; readonly advice: string },
): BrokerError {
  const { name, period, remaining } = allowance
  const balance = `${name} has $${usdText(remaining)} left ${period === 'total' ? 'in total' : `this ${period}`}`
  const details = moneyDetails(allowance, cost)
  const advice =
    details === HELD
      ? 'running requests hold the rest: try again in a moment, or let the request wait with X-Budget-Wait-Ms'
      : texts.advice
  const message = `${texts.what}: ${balance}, this may cost $${usdText(cost)}; ${advice}`
  return new BrokerError('over-budget', message, { details })
}

/** OpenAI's clients retry a 402 only when this header says so. */
const HELD: ErrorDetails = {
  retryAfter: RETRY_AFTER_S,
  headers: { 'x-should-retry': 'true' },
  metadata: { budget: 'held' },
}
const SPENT: ErrorDetails = { metadata: { budget: 'spent' } }
/** A broker below knows by this that its key has credit, and asks for a larger lease. */
export const LEASE: ErrorDetails = { metadata: { budget: 'lease' } }

/** Whether the money that a request lacks is held by running requests. */
export function isHeldMoney(error: unknown): boolean {
  return (
    error instanceof BrokerError && error.code === 'over-budget' && error.details.retryAfter !== undefined
  )
}

/** For how many milliseconds the caller allows its request to wait for money, at most 30 seconds; 0 by default. */
export function budgetWaitMs({ headers }: Pick<RequestContext, 'headers'>): number {
  const value = headers?.[WAIT_HEADER]
  if (typeof value !== 'string' || !/^\d{1,9}$/.test(value)) return 0
  return Math.min(Number(value), MAX_WAIT_MS)
}
