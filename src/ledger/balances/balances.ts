import { money, NOTHING, type Money } from '../../base/money.ts'
import { accountsOf, payerAccount, type Account } from '../../auth/accounts.ts'
import type { Caller } from '../../auth/caller.ts'
import type { Balance } from '../types.ts'
import { periodIndex, PERIODS, type Period } from './periods.ts'

const NO_BALANCE: Balance = { spent: NOTHING, held: NOTHING }

/** What a request changes; either may be negative. */
interface Change {
  readonly spent?: Money | undefined
  readonly held?: Money | undefined
}

/** What each account has spent and set aside, now and in the running periods. In memory; the store can always say it again. */
export class Balances {
  readonly #accounts = new Map<Account, Windows>()
  #moment: Moment = { hour: -1, day: -1, month: -1, total: 0 }
  #latestHour = -1

  /** All that a payer ever spent and holds. */
  of(caller: Caller): Balance {
    return this.in(payerAccount(caller), 'total', 0)
  }

  /** What counts for the period that holds `ms`. A request belongs to the period in which it started. */
  in(account: Account, period: Period, ms: number): Balance {
    return this.#accounts.get(account)?.in(period, periodIndex(period, ms)) ?? NO_BALANCE
  }

  /** Something was booked in a later hour than this one: the clock went back, and what ran then is over for us. */
  isAheadOf(ms: number): boolean {
    return this.#latestHour > periodIndex('hour', ms)
  }

  /** Books a change of a request that started at `startedAt`. */
  add(caller: Caller, startedAt: number, change: Change): void {
    const moment = this.#momentOf(startedAt)
    for (const account of accountsOf(caller)) this.#windowsOf(account).add(moment, change)
  }

  /** Takes up what was booked before the start: all sums of the period that holds `now`, of which the shorter ones take their part. */
  take(period: Period, caller: Caller, now: number, spent: Money): void {
    const moment = this.#momentOf(now)
    for (const account of accountsOf(caller)) this.#windowsOf(account).take(moment, period, spent)
  }

  /** Most requests come in the same hour as the one before. */
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

/** The periods that hold one moment, by their indices. */
type Moment = Readonly<Record<Period, number>>

/** The sums of one account. What is counted in a period isn't counted again in the longer ones around it. */
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
    this.#sums[shortestOf(moment, this.#now)].add(change.spent ?? NOTHING, change.held ?? NOTHING)
  }

  take(moment: Moment, period: Period, spent: Money): void {
    if (moment.hour > this.#now.hour) this.#moveTo(moment)
    this.#sums[period].add(spent, NOTHING)
    const around = PERIODS[PERIODS.indexOf(period) + 1]
    if (around !== undefined) this.#sums[around].add(money(NOTHING - spent), NOTHING)
  }

  /** `undefined` when nothing was booked in that period. */
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

  /** What belongs to a period that is over counts in the longer ones alone. */
  #moveTo(moment: Moment): void {
    for (let at = 0; at < PERIODS.length - 1; at++) {
      const [period, around] = [PERIODS[at] ?? 'hour', PERIODS[at + 1] ?? 'total']
      if (moment[period] > this.#now[period]) this.#sums[period].pourInto(this.#sums[around])
    }
    this.#now = moment
  }
}

/** The shortest running period that a moment lies in. */
function shortestOf(moment: Moment, now: Moment): Period {
  if (moment.hour === now.hour) return 'hour'
  if (moment.day === now.day) return 'day'
  return moment.month === now.month ? 'month' : 'total'
}

class Sum {
  spent = NOTHING
  held = NOTHING

  add(spent: Money, held: Money): void {
    if (spent !== NOTHING) this.spent = money(this.spent + spent)
    if (held !== NOTHING) this.held = money(this.held + held)
  }

  pourInto(other: Sum): void {
    other.add(this.spent, this.held)
    this.spent = NOTHING
    this.held = NOTHING
  }
}
