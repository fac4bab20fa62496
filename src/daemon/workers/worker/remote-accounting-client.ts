import { asBrokerError, BrokerError } from '../../../base/errors.ts'
import type { ResponseTokens } from '../../../limits/response-tokens.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Money } from '../../../base/money.ts'
import { budgetWaitMs, isHeldMoney } from '../../../inference/budget/held-money.ts'
import { affordableCandidates } from '../../../inference/budget/affordable-candidates.ts'
import { cascadeLinkOf } from '../../../inference/request/cascade-link.ts'
import type { RequestContext, InferenceRequest } from '../../../inference/request/inference-request.ts'
import type { RequestAccounting } from '../../../inference/budget/accounting.ts'
import { maxCostOf } from '../../../ledger/cost.ts'
import type { Hold, HoldRequest, Settlement } from '../../../ledger/types.ts'
import type { LimitAdmission, Allowance } from '../../../limits/limits.ts'
import type { LimitStore } from '../../../limits/limit-store.ts'
import {
  deserializeError,
  type ReservedMessage,
  type FromWorker,
  type SerializedError,
  type ToWorker,
} from '../ipc/ipc-messages.ts'

/** What the primary has to know of a request to reserve its cost. */
export interface ReservationRequest {
  readonly request: InferenceRequest
  readonly context: RequestContext
  /** The generation id. */
  readonly id: string
  /** The expected tokens of the prompt. */
  readonly tokens: number
  /** What the response may have. */
  readonly responseTokens: () => ResponseTokens
}

/** Limits and ledger of a worker, both of which are the primary's. */
export interface RemoteAccounting {
  /** Consults the primary. The result answers for this one request from what it learned. Throws what the primary throws. */
  reserve(reservation: ReservationRequest): Promise<RequestAccounting>
  onMessage(message: Extract<ToWorker, { readonly n: number }>): void
  /** Resolves when every reserved request is settled. */
  settled(): Promise<void>
}

export interface RemoteAccountingParts {
  readonly send: (message: FromWorker) => void
  readonly rules: Pick<LimitStore, 'limitsFor'>
  readonly clock: Clock
}

/** Reserves limits and money at the primary before a request is executed. */
export function createRemoteAccounting(parts: RemoteAccountingParts): RemoteAccounting {
  return new RemoteAccountingClient(parts)
}

type Reserve = Extract<FromWorker, { type: 'reserve' | 'reserve-within' | 'await-money' | 'increase-hold' }>

interface Pending<T> {
  resolve(value: T): void
  reject(error: BrokerError): void
}

/** What the primary granted to request `n`. */
interface PrimaryGrant {
  readonly n: number
  readonly hold: Hold
  readonly admission: Pick<LimitAdmission, 'headers' | 'mayHedge' | 'maxTokens'>
  readonly allowance: Allowance | undefined
}

class RemoteAccountingClient implements RemoteAccounting {
  readonly #parts: RemoteAccountingParts
  /** Messages without a response yet, by the request's number. A request has one at a time. */
  readonly #reservations = new Map<number, Pending<ReservedMessage>>()
  readonly #settlements = new Map<number, Pending<void>>()
  readonly #onIdle: (() => void)[] = []
  #last = 0
  #open = 0

  constructor(parts: RemoteAccountingParts) {
    this.#parts = parts
  }

  async reserve(reservation: ReservationRequest): Promise<RequestAccounting> {
    const n = ++this.#last
    this.#open++
    try {
      return new ReservedRequest(this, await this.#reserve(n, reservation))
    } catch (error) {
      this.#close()
      throw error
    }
  }

  onMessage(message: Extract<ToWorker, { readonly n: number }>): void {
    const { n } = message
    if (message.type === 'settled') return this.#onSettled(n, message.error)
    const pending = this.#reservations.get(n)
    this.#reservations.delete(n)
    if (message.type === 'reserved') pending?.resolve(message)
    else pending?.reject(deserializeError(message.error))
  }

  settled(): Promise<void> {
    return this.#open === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve))
  }

  /** Reserves the request as it is, and where its budget does not afford that, what the budget affords. */
  async #reserve(n: number, reservation: ReservationRequest): Promise<PrimaryGrant> {
    const { request: inferenceRequest, tokens } = reservation
    let request = this.#holdRequest(reservation)
    const { caller } = request
    const applicable = this.#parts.rules.limitsFor(caller)
    const hasBudget = applicable.some(({ rule }) => rule.budgets.length > 0)
    const countsTokens = applicable.some(({ rule }) => rule.tokensPerMinute !== undefined)
    const responseTokens = countsTokens ? reservation.responseTokens() : undefined
    const isFullyKnown = hasBudget && hasKnownMaxCost(inferenceRequest)
    let reserved = await this.#request({
      type: 'reserve',
      n,
      tokens,
      responseTokens,
      request,
      hasKnownMaxCost: isFullyKnown,
    })
    const waitUntil = this.#parts.clock.monotonic() + budgetWaitMs(reservation.context)
    const { admission = UNRESTRICTED } = reserved
    let { allowance } = reserved
    while (reserved.rowid === undefined) {
      const maxCost = affordableCost(inferenceRequest, allowance)
      if (maxCost instanceof BrokerError) {
        const ms = waitUntil - this.#parts.clock.monotonic()
        if (ms <= 0 || !isHeldMoney(maxCost)) {
          this.#parts.send({ type: 'release', n })
          throw maxCost
        }
        const remaining = allowance?.remaining
        allowance = (await this.#request({ type: 'await-money', n, ms, remaining })).allowance
        continue
      }
      request = { ...request, maxCost }
      reserved = await this.#request({ type: 'reserve-within', n, maxCost })
      if (reserved.rowid === undefined) allowance = reserved.allowance
    }
    return { n, hold: { ...request, rowid: reserved.rowid }, admission, allowance }
  }

  #holdRequest({ request: inferenceRequest, context, id }: ReservationRequest): HoldRequest {
    const { caller, referer, title } = context
    return {
      id,
      caller,
      kind: inferenceRequest.kind.name,
      requestedModel: inferenceRequest.requestedModel,
      streamed: inferenceRequest.stream,
      maxCost: inferenceRequest.maxCost,
      startedAt: this.#parts.clock.now(),
      referer,
      title,
      group: inferenceRequest.group,
      link: cascadeLinkOf(inferenceRequest, context),
    }
  }

  /** Increases the hold of request `n`; resolves with the one that replaces it. */
  async increaseHold(n: number, hold: Hold, maxCost: Money): Promise<Hold> {
    const { rowid = hold.rowid } = await this.#request({ type: 'increase-hold', n, maxCost })
    return { ...hold, maxCost, rowid }
  }

  #request(message: Reserve): Promise<ReservedMessage> {
    return new Promise((resolve, reject) => {
      this.#reservations.set(message.n, { resolve, reject })
      this.#parts.send(message)
    })
  }

  settle(n: number, settlement: Settlement): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settlements.set(n, { resolve, reject })
      this.#parts.send({ type: 'settle', n, settlement })
    })
  }

  #onSettled(n: number, error: SerializedError | undefined): void {
    const pending = this.#settlements.get(n)
    this.#settlements.delete(n)
    this.#close()
    if (error === undefined) pending?.resolve()
    else pending?.reject(deserializeError(error))
  }

  #close(): void {
    if (--this.#open === 0) for (const resolve of this.#onIdle.splice(0)) resolve()
  }
}

/** Accounts for one request that the primary has admitted, and whose cost it holds. */
class ReservedRequest implements RequestAccounting {
  readonly #client: RemoteAccountingClient
  readonly #granted: PrimaryGrant
  #allowance: Allowance | undefined

  constructor(client: RemoteAccountingClient, granted: PrimaryGrant) {
    this.#client = client
    this.#granted = granted
    this.#allowance = granted.allowance
  }

  /** Settling a request also releases it. */
  admit(): LimitAdmission {
    const { headers, mayHedge, maxTokens } = this.#granted.admission
    return { headers, mayHedge, maxTokens, release: () => undefined }
  }

  /**
   * Read once, to select affordable candidates. Whether the hold may be increased later is decided by the primary, by the
   * budget that is left then.
   */
  allowance(): Allowance | undefined {
    const allowance = this.#allowance
    this.#allowance = undefined
    return allowance
  }

  hold(): Promise<Hold> {
    return Promise.resolve(this.#granted.hold)
  }

  increaseHold(hold: Hold, maxCost: Money): Promise<Hold> {
    return this.#client.increaseHold(this.#granted.n, hold, maxCost)
  }

  settle(_hold: Hold, settlement: Settlement): Promise<void> {
    return this.#client.settle(this.#granted.n, settlement)
  }
}

const UNRESTRICTED = { headers: {}, mayHedge: undefined, maxTokens: undefined }

/** The part of the request's cost that its budget affords, or the `over-budget` error. */
function affordableCost(inferenceRequest: InferenceRequest, allowance: Allowance | undefined) {
  try {
    return affordableCandidates(inferenceRequest, allowance).maxCost
  } catch (error) {
    return asBrokerError(error)
  }
}

/** Whether the maximum cost of every candidate is known: a budget that affords the highest one leaves the request as it is. */
function hasKnownMaxCost({ candidates, kind }: InferenceRequest): boolean {
  return candidates.every(
    (endpoint) =>
      endpoint.price !== undefined && maxCostOf(kind.maxUsage(endpoint), endpoint.price) !== undefined,
  )
}
