import { money, type Money } from '../../base/money.ts'
import type { Caller } from '../../auth/caller.ts'
import type { Row } from '../../store/sql.ts'
import type { Store } from '../../store/store.ts'
import { Balances } from './balances.ts'
import { amount, maybeText, text } from '../entries/row-readers.ts'
import { DAY_MS, periodStart } from './periods.ts'

const SPENT = 'ifnull(sum(cost_nano), 0) + ifnull(sum(uncertain_nano), 0) AS spent'
const UP_TO = "(SELECT value FROM ledger_marks WHERE name = 'rolled_up')"

/**
 * Loads what was spent before this process started: all time, the running month and the running day from the roll-up and the
 * rows after it, the running hour from its rows.
 */
export function loadBalances(store: Store, now: number): Balances {
  const balances = new Balances()
  const days = store.prepare(
    `SELECT ip, context, token, ${SPENT} FROM usage_days WHERE day >= ? GROUP BY ip, context, token`,
  )
  const rest = store.prepare(
    `SELECT ip, context, token, ${SPENT} FROM request_logs
     WHERE +started_at >= ? AND seq > ${UP_TO} GROUP BY ip, context, token`,
  )
  const hour = store.prepare(
    `SELECT ip, context, token, ${SPENT} FROM request_logs WHERE started_at >= ? GROUP BY ip, context, token`,
  )
  for (const period of ['total', 'month', 'day'] as const) {
    const start = periodStart(period, now)
    const rows = [...days.all(Math.floor(start / DAY_MS)), ...rest.all(start / 1000)]
    for (const row of rows) balances.load(period, callerFrom(row), now, spentIn(row))
  }
  for (const row of hour.all(periodStart('hour', now) / 1000))
    balances.load('hour', callerFrom(row), now, spentIn(row))
  return balances
}

function spentIn(row: Row): Money {
  return money(amount(row, 'spent'))
}

function callerFrom(row: Row): Caller {
  return { ip: text(row, 'ip'), context: named(row, 'context'), token: named(row, 'token') }
}

function named(row: Row, column: string): string | undefined {
  const name = maybeText(row, column)
  return name === '' ? undefined : name
}
