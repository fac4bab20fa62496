import { money, NOTHING, type Money } from '../base/money.ts'
import type { Caller } from '../contexts/caller.ts'
import type { Row } from '../store/sql.ts'
import type { Store } from '../store/store.ts'
import { amount, text } from './columns.ts'
import type { Balance } from './ledger-types.ts'

const NO_BALANCE: Balance = { spent: NOTHING, held: NOTHING }

/** What each payer (address and context) has spent and set aside, in memory; the store can always say it again. */
export class Balances {
  readonly #byPayer = new Map<string, Balance>()

  constructor(store: Store) {
    const spent = store.prepare(`
      SELECT ip, context, sum(cost_nano) + sum(uncertain_nano) AS spent FROM usage_totals GROUP BY ip, context`)
    for (const row of spent.all()) this.add(callerFrom(row), { spent: amount(row, 'spent') })
  }

  of(caller: Caller): Balance {
    return this.#byPayer.get(payerOf(caller)) ?? NO_BALANCE
  }

  add(caller: Caller, { spent = NOTHING, held = NOTHING }: { spent?: Money; held?: Money }): void {
    const before = this.of(caller)
    const after = { spent: money(before.spent + spent), held: money(before.held + held) }
    this.#byPayer.set(payerOf(caller), after)
  }
}

/** Addresses have no spaces, so no two payers share a name. */
function payerOf(caller: Caller): string {
  return `${caller.ip} ${caller.context ?? ''}`
}

function callerFrom(row: Row): Caller {
  return { ip: text(row, 'ip'), context: text(row, 'context') }
}
