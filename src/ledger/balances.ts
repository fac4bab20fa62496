import { money, NOTHING, type Money } from '../base/money.ts'
import { accountsOf, payerAccount, type Account } from '../contexts/accounts.ts'
import type { Caller } from '../contexts/caller.ts'
import type { Balance } from './ledger-types.ts'
import { periodIndex, PERIODS, type Period } from './periods.ts'

const NO_BALANCE: Balance = { spent: NOTHING, held: NOTHING }

/** What a request changes; either may be negative. */
interface Change {
  readonly spent?: Money | undefined
  readonly held?: Money | undefined
}

/** What each account has spent and set aside, now and in the running periods. In memory; the store can always say it again. */
export class Balances {
  readonly #accounts = new Map<Account, Record<Period, Window>>()

  /** All that a payer ever spent and holds. */
  of(caller: Caller): Balance {
    return this.in(payerAccount(caller), 'total', 0)
  }

  /** What counts for the period that holds `ms`. A request belongs to the period in which it started. */
  in(account: Account, period: Period, ms: number): Balance {
    const window = this.#accounts.get(account)?.[period]
    if (window === undefined || window.index !== periodIndex(period, ms)) return NO_BALANCE
    return { spent: window.spent, held: window.held }
  }

  /** Books a change of a request that started at `startedAt`. */
  add(caller: Caller, startedAt: number, change: Change): void {
    const accounts = accountsOf(caller).map((account) => this.#windowsOf(account))
    for (const period of PERIODS) {
      const index = periodIndex(period, startedAt)
      for (const windows of accounts) count(windows[period], index, change)
    }
  }

  /** Takes up what was booked before the start, one period at a time. */
  addTo(period: Period, caller: Caller, startedAt: number, change: Change): void {
    const index = periodIndex(period, startedAt)
    for (const account of accountsOf(caller)) count(this.#windowsOf(account)[period], index, change)
  }

  #windowsOf(account: Account): Record<Period, Window> {
    let windows = this.#accounts.get(account)
    if (windows === undefined) {
      windows = { hour: openWindow(), day: openWindow(), month: openWindow(), total: openWindow() }
      this.#accounts.set(account, windows)
    }
    return windows
  }
}

interface Window {
  index: number
  spent: Money
  held: Money
}

function openWindow(): Window {
  return { index: 0, spent: NOTHING, held: NOTHING }
}

/** What belongs to a period that is over counts nowhere any more. */
function count(window: Window, index: number, { spent, held }: Change): void {
  if (index < window.index) return
  if (index > window.index) {
    window.index = index
    window.spent = NOTHING
    window.held = NOTHING
  }
  if (spent !== undefined) window.spent = money(window.spent + spent)
  if (held !== undefined) window.held = money(window.held + held)
}
