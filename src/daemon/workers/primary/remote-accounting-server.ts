import type { RefusalCounter } from '../../../inference/admission/refusal-counter.ts'
import type { UpstreamIds } from '../../../inference/response/upstream-ids.ts'
import type { HttpServices } from '../../../inference/services/services.ts'
import { BrokerError } from '../../../base/errors.ts'
import { ZERO, type Money } from '../../../base/money.ts'
import type { Ledger } from '../../../ledger/ledger.ts'
import type { Hold, HoldRequest, Settlement } from '../../../ledger/types.ts'
import type { LimitAdmission, Allowance, Limits } from '../../../limits/limits.ts'
import { NO_RESPONSE_TOKENS, tokensUsed } from '../../../limits/response-tokens.ts'
import type { DaemonLog } from '../../log.ts'
import {
  serializeError,
  type ReservedMessage,
  type AccountingMessage,
  type ToWorker,
} from '../ipc/ipc-messages.ts'

/** The primary's services that account for the requests of all workers. */
export interface AccountingServices {
  readonly upstreamIds: UpstreamIds
  readonly limits: Pick<Limits, 'admit' | 'allowance' | 'budgetQueue'>
  readonly ledger: Pick<Ledger, 'hold' | 'increaseHold' | 'settle' | 'interrupt'>
  readonly refusals?: RefusalCounter | undefined
  readonly endpointStats: { record(settlement: Settlement): void }
}

export interface RemoteAccountingServerParts {
  readonly services: AccountingServices
  readonly http: HttpServices
  readonly log: DaemonLog
  readonly respond: (message: ToWorker) => void
  /** For messages that the worker does not wait for. */
  readonly respondDeferred: (message: ToWorker) => void
}

/** Money held for a request. While the hold is being increased, the ledger is about to replace it. */
type Held =
  | { readonly state: 'none' }
  | { readonly state: 'held'; readonly hold: Hold }
  | { readonly state: 'increasing'; readonly hold: Hold }

/** An admitted request of the worker, until it releases its slot. */
interface OpenRequest {
  readonly request: HoldRequest
  readonly admission: LimitAdmission
  readonly releaseSlot: () => void
  held: Held
}

/**
 * Accounts for the requests of one worker. The steps are those of a request that the primary executes itself: admit,
 * check the allowance, hold, increase the hold, settle, release.
 */
export class RemoteAccountingServer {
  readonly #parts: RemoteAccountingServerParts
  readonly #open = new Map<number, OpenRequest>()
  #state: 'serving' | 'worker-gone' = 'serving'

  constructor(parts: RemoteAccountingServerParts) {
    this.#parts = parts
  }

  onMessage(message: AccountingMessage): void {
    const { services } = this.#parts
    switch (message.type) {
      case 'reserve':
        return this.#reserve(message)
      case 'reserve-within':
        return this.#reserveWithin(message.n, message.maxCost)
      case 'await-money':
        return this.#awaitMoney(message)
      case 'increase-hold':
        return this.#increaseHold(message.n, message.maxCost)
      case 'settle':
        return this.#settle(message.n, message.settlement)
      case 'release':
        return this.#release(message.n, 0)
      case 'upstream-id':
        return services.upstreamIds.add(message.theirs, message.ours)
      case 'refusal':
        return services.refusals?.count(message.caller, message.status)
    }
  }

  /** The worker died: its open holds become entries with cost bounds, as after a crash of the whole broker. */
  onWorkerExit(): void {
    this.#state = 'worker-gone'
    for (const [n, { held }] of this.#open) {
      // A hold that is being increased is interrupted when the ledger has replaced it.
      if (held.state === 'held') this.#interrupt(held.hold)
      this.#release(n, held.state === 'none' ? 0 : undefined)
    }
  }

  #reserve(message: Extract<AccountingMessage, { type: 'reserve' }>): void {
    const { n, tokens, responseTokens = NO_RESPONSE_TOKENS, request, hasKnownMaxCost } = message
    const { services, http, respond } = this.#parts
    let releaseSlot: (() => void) | undefined
    let admission: LimitAdmission | undefined
    try {
      releaseSlot = http.concurrencyLimit.acquire()
      admission = services.limits.admit(request.caller, tokens, () => responseTokens)
      const allowance = services.limits.allowance(request.caller)
      const open: OpenRequest = { request, admission, releaseSlot, held: { state: 'none' } }
      this.#open.set(n, open)
      const { headers, mayHedge, maxTokens } = admission
      const sent = { headers, mayHedge, maxTokens }
      if (allowance === undefined || (hasKnownMaxCost && affords(allowance, request.maxCost)))
        return this.#hold(n, open, request, allowance, sent)
      respond({ type: 'reserved', n, admission: sent, allowance, rowid: undefined })
    } catch (error) {
      this.#open.delete(n)
      admission?.release(0)
      releaseSlot?.()
      respond({ type: 'refused', n, error: serializeError(error) })
    }
  }

  /** The balance check and the hold happen in one turn of the event loop, so no other request can hold the same money. */
  #reserveWithin(n: number, maxCost: Money | undefined): void {
    const open = this.#open.get(n)
    if (open === undefined) return
    const allowance = this.#parts.services.limits.allowance(open.request.caller)
    const isAffordable = allowance === undefined || maxCost === undefined || affords(allowance, maxCost)
    if (isAffordable) this.#hold(n, open, { ...open.request, maxCost }, allowance, undefined)
    else this.#parts.respond({ type: 'reserved', n, admission: undefined, allowance, rowid: undefined })
  }

  #awaitMoney({ n, ms, remaining = ZERO }: Extract<AccountingMessage, { type: 'await-money' }>): void {
    const {
      services: { limits },
      respond,
    } = this.#parts
    const answer = (): void => {
      const open = this.#open.get(n)
      if (open === undefined) return
      const allowance = limits.allowance(open.request.caller)
      respond({ type: 'reserved', n, admission: undefined, allowance, rowid: undefined })
    }
    const open = this.#open.get(n)
    const now = open === undefined ? undefined : limits.allowance(open.request.caller)
    // A request may have ended while this message was on its way.
    if (now === undefined || now.remaining > remaining) answer()
    else limits.budgetQueue.onFreed(ms, answer)
  }

  #hold(
    n: number,
    open: OpenRequest,
    request: HoldRequest,
    allowance: Allowance | undefined,
    admission: ReservedMessage['admission'],
  ): void {
    const { services, respond } = this.#parts
    services.ledger.hold(request).then(
      (hold) => {
        if (this.#state === 'worker-gone') return this.#interrupt(hold)
        open.held = { state: 'held', hold }
        respond({ type: 'reserved', n, admission, allowance, rowid: hold.rowid })
      },
      (error: unknown) => {
        if (this.#state === 'worker-gone') return
        this.#release(n, 0)
        respond({ type: 'refused', n, error: serializeError(error) })
      },
    )
  }

  /** As in `#reserveWithin`, the check and the increase happen in one turn of the event loop. */
  #increaseHold(n: number, maxCost: Money): void {
    const { services, respond } = this.#parts
    const open = this.#open.get(n)
    if (open === undefined || open.held.state === 'none') return
    const { hold } = open.held
    const allowance = services.limits.allowance(hold.caller)
    const increase = maxCost - (hold.maxCost ?? ZERO)
    if (allowance !== undefined && increase > allowance.remaining)
      return respond({ type: 'refused', n, error: serializeError(tooExpensive()) })
    open.held = { state: 'increasing', hold }
    const finish = (current: Hold, message: ToWorker): void => {
      open.held = { state: 'held', hold: current }
      if (this.#state === 'worker-gone') this.#interrupt(current)
      else respond(message)
    }
    services.ledger.increaseHold(hold, maxCost).then(
      (increased) =>
        finish(increased, { type: 'reserved', n, admission: undefined, allowance, rowid: increased.rowid }),
      (error: unknown) => finish(hold, { type: 'refused', n, error: serializeError(error) }),
    )
  }

  #settle(n: number, settlement: Settlement): void {
    const { services, respondDeferred } = this.#parts
    const open = this.#open.get(n)
    if (open === undefined || open.held.state === 'none') return
    services.endpointStats.record(settlement)
    services.ledger.settle(open.held.hold, settlement).then(
      () => respondDeferred({ type: 'settled', n, error: undefined }),
      (error: unknown) => respondDeferred({ type: 'settled', n, error: serializeError(error) }),
    )
    this.#release(n, tokensUsed(settlement))
    services.limits.budgetQueue.freed()
  }

  #release(n: number, used: number | undefined): void {
    const open = this.#open.get(n)
    if (open === undefined) return
    this.#open.delete(n)
    open.admission.release(used)
    open.releaseSlot()
  }

  #interrupt(hold: Hold): void {
    const { services, log } = this.#parts
    services.ledger
      .interrupt(hold)
      .catch((error: unknown) =>
        log.error({ err: error, id: hold.id }, 'an open request of a dead worker could not be recorded'),
      )
  }
}

function tooExpensive(): BrokerError {
  return new BrokerError('over-budget', 'the remaining budget does not cover another attempt at this request')
}

function affords({ remaining }: Allowance, maxCost: Money | undefined): boolean {
  return maxCost !== undefined && maxCost <= remaining
}
