import type { ErrorCode, ErrorDetails } from '../../../base/errors.ts'
import type { Money } from '../../../base/money.ts'
import type { KeptToken } from '../../../auth/token-table.ts'
import type { HoldRequest, Settlement } from '../../../ledger/types.ts'
import type { Admission, Allowance } from '../../../limits/limits.ts'
import type { StoredRule } from '../../../limits/effective-limits.ts'
import type { SupplyState } from '../../providers/provider-registry.ts'

/** What a worker tells the primary. */
export type FromWorker = BookMessage | HouseMessage

/** About `n`, a request of that worker. */
export type BookMessage =
  /** May it, and set aside what it can cost. */
  | {
      readonly type: 'ask'
      readonly n: number
      /** What the prompt is expected to have. */
      readonly tokens: number
      readonly request: HoldRequest
      /** Every candidate can be paid in full if the dearest can: then a budget that affords it needs no second question. */
      readonly isWhole: boolean
    }
  /** The same request with what its budget affords. */
  | { readonly type: 'ask-again'; readonly n: number; readonly most: Money | undefined }
  /** More is to be set aside for it. */
  | { readonly type: 'raise'; readonly n: number; readonly most: Money }
  /** It has ended, and leaves. */
  | { readonly type: 'settle'; readonly n: number; readonly settlement: Settlement }
  /** It leaves without having been booked. */
  | { readonly type: 'leave'; readonly n: number }
  | { readonly type: 'upstream-id'; readonly theirs: string; readonly ours: string }

/** About the worker itself. */
export type HouseMessage =
  | { readonly type: 'answered'; readonly door: string; readonly status: number; readonly count: number }
  | { readonly type: 'log'; readonly level: LogLevel; readonly details: object; readonly message: string }
  | { readonly type: 'heard'; readonly serial: number }
  /** All doors are open. */
  | { readonly type: 'ready'; readonly port: number | undefined }
  | { readonly type: 'cannot-start'; readonly error: ToldError }

/** What the primary tells a worker. */
export type ToWorker =
  | Booked
  | { readonly type: 'refused'; readonly n: number; readonly error: ToldError }
  | { readonly type: 'settled'; readonly n: number; readonly error: ToldError | undefined }
  | { readonly type: 'news'; readonly serial: number; readonly news: News }
  /** Are you there? To be answered with `heard`. */
  | { readonly type: 'pulse'; readonly serial: number }
  /** Open requests may end, new ones are not taken; then the process is to end. */
  | { readonly type: 'drain' }

/** It was let in, or more was set aside for it. */
export interface Booked {
  readonly type: 'booked'
  readonly n: number
  /** With the first answer only. */
  readonly admission: Pick<Admission, 'headers' | 'mayHedge'> | undefined
  /** What the caller's budgets leave; `undefined` when it has none. */
  readonly allowance: Allowance | undefined
  /** Row of the hold; `undefined` when the allowance doesn't afford it and nothing was set aside. */
  readonly rowid: number | undefined
}

/** What a worker must know to route; each replaces the one before. */
export type News =
  | { readonly topic: 'supply'; readonly value: SupplyState }
  | { readonly topic: 'rules'; readonly value: readonly StoredRule[] }
  | { readonly topic: 'tokens'; readonly value: readonly KeptToken[] }

export type Topic = News['topic']

export const TOPICS: readonly Topic[] = ['supply', 'rules', 'tokens']

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** A `BrokerError` on its way. */
export interface ToldError {
  readonly code: ErrorCode
  readonly message: string
  readonly details: ErrorDetails
}
