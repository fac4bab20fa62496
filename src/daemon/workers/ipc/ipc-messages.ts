import { asBrokerError, BrokerError, type ErrorCode, type ErrorDetails } from '../../../base/errors.ts'
import type { Money } from '../../../base/money.ts'
import type { Caller } from '../../../auth/caller.ts'
import type { StoredToken } from '../../../auth/token-table.ts'
import type { HoldRequest, Settlement } from '../../../ledger/types.ts'
import type { RefusalStatus } from '../../../ledger/usage/refused-requests.ts'
import type { LimitAdmission, Allowance } from '../../../limits/limits.ts'
import type { ResponseTokens } from '../../../limits/response-tokens.ts'
import type { StoredRule } from '../../../limits/effective-limits.ts'
import type { PolicyConfig } from '../../../mcp/config/config.ts'
import type { RegistryState } from '../../providers/provider-registry.ts'

/** What a worker sends to the primary. */
export type FromWorker = AccountingMessage | LifecycleMessage

/** Accounting of request `n` of that worker. */
export type AccountingMessage =
  /** Check the limits, and hold what the request can cost. */
  | {
      readonly type: 'reserve'
      readonly n: number
      /** Expected tokens of the prompt. */
      readonly tokens: number
      /** Only where a limit counts tokens. */
      readonly responseTokens: ResponseTokens | undefined
      readonly request: HoldRequest
      /** The maximum cost of every candidate is known: a budget that affords the request as it is needs no second message. */
      readonly hasKnownMaxCost: boolean
    }
  /** The same request, reduced to what its budget affords. */
  | { readonly type: 'reserve-within'; readonly n: number; readonly maxCost: Money | undefined }
  /** Answer when the budget leaves more than `remaining`, because a request has ended, or after `ms`. */
  | {
      readonly type: 'await-money'
      readonly n: number
      readonly ms: number
      readonly remaining: Money | undefined
    }
  /** Increase the hold to `maxCost`. */
  | { readonly type: 'increase-hold'; readonly n: number; readonly maxCost: Money }
  /** The request has ended: settle its hold and release its slot. */
  | { readonly type: 'settle'; readonly n: number; readonly settlement: Settlement }
  /** Release the slot of a request that has no hold. */
  | { readonly type: 'release'; readonly n: number }
  /** A request was refused without a row. */
  | { readonly type: 'refusal'; readonly caller: Caller; readonly status: RefusalStatus }
  | { readonly type: 'upstream-id'; readonly theirs: string; readonly ours: string }

/** State of the worker itself, and its telemetry. */
export type LifecycleMessage =
  | { readonly type: 'responses'; readonly listener: string; readonly status: number; readonly count: number }
  | { readonly type: 'log'; readonly level: LogLevel; readonly details: object; readonly message: string }
  /** The update or ping with this serial number was received. */
  | { readonly type: 'ack'; readonly serial: number }
  /** All listeners are open. */
  | { readonly type: 'ready'; readonly port: number | undefined }
  | { readonly type: 'cannot-start'; readonly error: SerializedError }

/** What the primary sends to a worker. */
export type ToWorker =
  | ReservedMessage
  | { readonly type: 'refused'; readonly n: number; readonly error: SerializedError }
  | { readonly type: 'settled'; readonly n: number; readonly error: SerializedError | undefined }
  | { readonly type: 'update'; readonly serial: number; readonly update: StateUpdate }
  /** A heartbeat, to be acknowledged. */
  | { readonly type: 'ping'; readonly serial: number }
  /** Finish open requests, or end them at once (`hurry`), accept no new ones, then end the process. */
  | { readonly type: 'drain'; readonly hurry: boolean }

/** The request was admitted, or its hold was increased. */
export interface ReservedMessage {
  readonly type: 'reserved'
  readonly n: number
  /** Only in the first response to a request. */
  readonly admission: Pick<LimitAdmission, 'headers' | 'mayHedge' | 'maxTokens'> | undefined
  /** What the caller's budgets leave; `undefined` when it has none. */
  readonly allowance: Allowance | undefined
  /** Row of the hold; `undefined` when the allowance does not afford the request and nothing is held. */
  readonly rowid: number | undefined
}

/** State that a worker needs for routing; each update replaces the previous one of its topic. */
export type StateUpdate =
  | { readonly topic: 'registry'; readonly value: RegistryState }
  | { readonly topic: 'rules'; readonly value: readonly StoredRule[] }
  | { readonly topic: 'tokens'; readonly value: readonly StoredToken[] }
  | { readonly topic: 'tool-policies'; readonly value: readonly PolicyConfig[] }

export type Topic = StateUpdate['topic']

export const TOPICS: readonly Topic[] = ['registry', 'rules', 'tokens', 'tool-policies']

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** A `BrokerError` as plain data. */
export interface SerializedError {
  readonly code: ErrorCode
  readonly message: string
  readonly details: ErrorDetails
}

/** Any thrown value as plain data; its cause stays in the process that threw it. */
export function serializeError(thrown: unknown): SerializedError {
  const { code, message, details } = asBrokerError(thrown)
  return { code, message, details }
}

export function deserializeError({ code, message, details }: SerializedError): BrokerError {
  return new BrokerError(code, message, { details })
}
