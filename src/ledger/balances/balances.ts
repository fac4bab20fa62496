import { money, ZERO, type Money } from '../../base/money.ts'
import { accountsOf, payerAccount, type Account } from '../../auth/accounts.ts'
import type { Caller } from '../../auth/caller.ts'
import type { Balance } from '../types.ts'
import { periodIndex, PERIODS, type Period } from './periods.ts'

const NO_BALANCE: Balance = { spent: ZERO, held: ZERO }

/** What a request adds to a balance; both amounts may be negative. */
interface Change {
  readonly spent?: Money | undefined
  readonly held?: Money | undefined
}

/**
 * What each account has spent and set aside, in total and in the running periods. In memory; it can be loaded from the store
 * again.
 */
export class Balances {
  readonly #accounts = new Map<Account, Windows>()
  #moment: Moment = { hour: -1, day: -1, month: -1, total: 0 }
  #latestHour = -1

  /** The balance of a payer over all time. */
  of(caller: Caller): Balance {
    return this.in(payerAccount(caller), 'total', 0)
  }

  /** The balance of the period that contains `ms`. A request belongs to the period in which it started. */
  in(account: Account, period: Period, ms: number): Balance {
    return this.#accounts.get(account)?.in(period, periodIndex(period, ms)) ?? NO_BALANCE
  }

  /**
   * True when something was booked in a later hour than that of `ms`: the clock has gone back, and the periods of `ms` are no
   * longer kept.
   */
  isAheadOf(ms: number): boolean {
    return this.#latestHour > periodIndex('hour', ms)
  }

  /** Adds a change of a request that started at `startedAt` (milliseconds since the epoch). */
  add(caller: Caller, startedAt: number, change: Change): void {
    const moment = this.#momentOf(startedAt)
    for (const account of accountsOf(caller)) this.#windowsOf(account).add(moment, change)
  }

  /**
   * Adds what was booked before this process started. `spent` is all that was spent in the period that contains `now`; to be
   * called from the longest period to the shortest, each of which takes its part out of the longer one.
   */
  load(period: Period, caller: Caller, now: number, spent: Money): void {
    const moment = this.#momentOf(now)
    for (const account of accountsOf(caller)) this.#windowsOf(account).load(moment, period, spent)
  }

  /** Cached, because most requests start in the same hour as the one before. */
  #momentOf(ms: number): Moment {
    const hour = periodIndex('hour', ms)
    if (hour > this.#latestHour) this.#latestHour = hour
    if (hour !== this.#moment.hour)
      this.#moment = { hour, day: periodIndex('day', ms), month: periodIndex('month', ms), total: 0 }
    return this.#moment
  }

  #windowsOf(account: Account): Windows {
    let windows = this.#accounts.get(account)
    if (windows === undefined) this.#accounts.set(account, (windows = new Windows()))
    return windows
  }
}

/** The indices of the periods that contain a moment. */
type Moment = Readonly<Record<Period, number>>

/** The sums of one account. An amount is counted in one period only, not again in the longer periods around it. */
class Windows {
  #now: Moment = { hour: 0, day: 0, month: 0, total: 0 }
  readonly #sums: Readonly<Record<Period, Sum>> = {
    hour: new Sum(),
    day: new Sum(),
    month: new Sum(),
    total: new Sum(),
  }

  add(moment: Moment, change: Change): void {
    if (moment.hour > this.#now.hour) this.#moveTo(moment)
    this.#sums[shortestOf(moment, this.#now)].add(change.spent ?? ZERO, change.held ?? ZERO)
  }

  load(moment: Moment, period: Period, spent: Money): void {
    if (moment.hour > this.#now.hour) this.#moveTo(moment)
    this.#sums[period].add(spent, ZERO)
    const around = PERIODS[PERIODS.indexOf(period) + 1]
    if (around !== undefined) this.#sums[around].add(money(ZERO - spent), ZERO)
  }

  /** The balance of a period with the periods inside it; `undefined` when nothing was booked in it. */
  in(period: Period, index: number): Balance | undefined {
    if (this.#now[period] !== index) return undefined
    let [spent, held] = [0n, 0n]
    for (const nested of PERIODS) {
      spent += this.#sums[nested].spent
      held += this.#sums[nested].held
      if (nested === period) break
    }
    return { spent: money(spent), held: money(held) }
  }

  /** Moves the sums of periods that are over into the longer periods around them. */
  #moveTo(moment: Moment): void {
    for (let at = 0; at < PERIODS.length - 1; at++) {
      const [period, around] = [PERIODS[at] ?? 'hour', PERIODS[at + 1] ?? 'total']
      if (moment[period] > this.#now[period]) this.#sums[period].moveTo(this.#sums[around])
    }
    this.#now = moment
  }
}

/** The shortest running period that contains a moment. */
function shortestOf(moment: Moment, now: Moment): Period {
  if (moment.hour === now.hour) return 'hour'
  if (moment.day === now.day) return 'day'
  return moment.month === now.month ? 'month' : 'total'
}

class Sum {
  spent = ZERO
  held = ZERO

  add(spent: Money, held: Money): void {
    if (spent !== ZERO) this.spent = money(this.spent + spent)
    if (held !== ZERO) this.held = money(this.held + held)
  }

  moveTo(other: Sum): void {
    other.add(this.spent, this.held)
    this.spent = ZERO
    this.held = ZERO
  }
}
