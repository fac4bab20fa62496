import { hash } from 'node:crypto'
import { money, usdText, ZERO, type Money } from '../../base/money.ts'

/** The state of a ledger at one row, in a few words: a copy kept elsewhere proves later what the ledger was. */
export interface LedgerHead {
  /** The number of the last row. */
  readonly seq: number
  /** SHA-256 (base64) over the last hash of every payer. */
  readonly digest: string
  /** Of all rows up to there, those that were cleared away among them. */
  readonly requests: number
  readonly cost: Money
  readonly uncertain: Money
}

/** The last row of a payer. */
export interface PayerHead {
  readonly ip: string
  readonly context: string | undefined
  readonly seq: number
  /** Absent for rows from before there were hashes. */
  readonly hash: string | undefined
}

/** What a head has besides its digest. */
export interface HeadTotals {
  requests: number
  cost: bigint
  uncertain: bigint
}

export const NO_TOTALS: Readonly<HeadTotals> = { requests: 0, cost: ZERO, uncertain: ZERO }

export function headOf(seq: number, payers: Iterable<PayerHead>, totals: Readonly<HeadTotals>): LedgerHead {
  const lines = [...payers].map(({ ip, context = '', seq: last, hash: own = '' }) =>
    JSON.stringify([ip, context, last, own]),
  )
  const digest = hash('sha256', lines.toSorted().join('\n'), 'base64')
  const { requests, cost, uncertain } = totals
  return { seq, digest, requests, cost: money(cost), uncertain: money(uncertain) }
}

/** The names of what differs between two heads of the same row. */
export function differences(one: LedgerHead, other: LedgerHead): string[] {
  return [
    ...(one.digest === other.digest ? [] : ['its hashes are others']),
    ...(one.requests === other.requests ? [] : [`it counts ${other.requests} requests, not ${one.requests}`]),
    ...(one.cost === other.cost ? [] : [`they cost $${usdText(other.cost)}, not $${usdText(one.cost)}`]),
    ...(one.uncertain === other.uncertain
      ? []
      : [`up to $${usdText(other.uncertain)} is uncertain, not $${usdText(one.uncertain)}`]),
  ]
}
