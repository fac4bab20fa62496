import type { Rooms } from '../../../inference/services/services.ts'
import { BrokerError } from '../../../base/errors.ts'
import { NOTHING, type Money } from '../../../base/money.ts'
import type { Ledger } from '../../../ledger/ledger.ts'
import type { Hold, HoldRequest, Settlement } from '../../../ledger/types.ts'
import type { Admission, Allowance, Limits } from '../../../limits/limits.ts'
import type { DaemonLog } from '../../log.ts'
import { toldError, type Booked, type BookMessage, type ToWorker } from '../ipc/ipc-messages.ts'

/** The primary's services that account for the requests of all workers. */
export interface BookRooms {
  readonly admission: Rooms['admission']
  readonly upstreamIds: Rooms['upstreamIds']
  readonly limits: Pick<Limits, 'admit' | 'allowance'>
  readonly ledger: Pick<Ledger, 'hold' | 'raise' | 'settle' | 'interrupt'>
  readonly figures: { note(settlement: Settlement): void }
}

export interface WorkerBooksParts {
  readonly rooms: BookRooms
  readonly log: DaemonLog
  readonly answer: (message: ToWorker) => void
  /** For messages that the worker does not wait for. */
  readonly answerSoon: (message: ToWorker) => void
}

/** Money held for a request. While the hold is being increased, the ledger is about to replace it. */
type Held =
  | { readonly state: 'none' }
  | { readonly state: 'held'; readonly hold: Hold }
  | { readonly state: 'increasing'; readonly hold: Hold }

/** An admitted request of the worker, until it releases its slot. */
interface OpenRequest {
  readonly request: HoldRequest
  readonly admission: Admission
  readonly releaseSlot: () => void
  held: Held
}

/**
 * Accounts for the requests of one worker. The steps are those of a request that the primary executes itself: admit,
 * check the allowance, hold, increase the hold, settle, release.
 */
export class WorkerBooks {
  readonly #parts: WorkerBooksParts
  readonly #open = new Map<number, OpenRequest>()
  #state: 'serving' | 'worker-gone' = 'serving'

  constructor(parts: WorkerBooksParts) {
    this.#parts = parts
  }

  hear(message: BookMessage): void {
    const { rooms } = this.#parts
    switch (message.type) {
      case 'reserve':
        return this.#reserve(message)
      case 'reserve-within':
        return this.#reserveWithin(message.n, message.most)
      case 'increase-hold':
        return this.#increaseHold(message.n, message.most)
      case 'settle':
        return this.#settle(message.n, message.settlement)
      case 'release':
        return this.#release(message.n, 0)
      case 'upstream-id':
        return rooms.upstreamIds.note(message.theirs, message.ours)
    }
  }

  /** The worker died: its open holds become entries with cost bounds, as after a crash of the whole broker. */
  gone(): void {
    this.#state = 'worker-gone'
    for (const [n, { held }] of this.#open) {
      // A hold that is being increased is interrupted when the ledger has replaced it.
      if (held.state === 'held') this.#interrupt(held.hold)
      this.#release(n, 0)
    }
  }

  #reserve({ n, tokens, request, isWhole }: Extract<BookMessage, { type: 'reserve' }>): void {
    const { rooms, answer } = this.#parts
    let releaseSlot: (() => void) | undefined
    let admission: Admission | undefined
    try {
      releaseSlot = rooms.admission.enter()
      admission = rooms.limits.admit(request.caller, tokens)
      const allowance = rooms.limits.allowance(request.caller)
      const open: OpenRequest = { request, admission, releaseSlot, held: { state: 'none' } }
      this.#open.set(n, open)
      const { headers, mayHedge } = admission
      const sent = { headers, mayHedge }
      if (allowance === undefined || (isWhole && affords(allowance, request.most)))
        return this.#hold(n, open, request, allowance, sent)
      answer({ type: 'reserved', n, admission: sent, allowance, rowid: undefined })
    } catch (error) {
      this.#open.delete(n)
      admission?.leave(0)
      releaseSlot?.()
      answer({ type: 'refused', n, error: toldError(error) })
    }
  }

  /** The balance check and the hold happen in one turn of the event loop, so no other request can hold the same money. */
  #reserveWithin(n: number, most: Money | undefined): void {
    const open = this.#open.get(n)
    if (open === undefined) return
    const allowance = this.#parts.rooms.limits.allowance(open.request.caller)
    const isAffordable = allowance === undefined || most === undefined || affords(allowance, most)
    if (isAffordable) this.#hold(n, open, { ...open.request, most }, allowance, undefined)
    else this.#parts.answer({ type: 'reserved', n, admission: undefined, allowance, rowid: undefined })
  }

  #hold(
    n: number,
    open: OpenRequest,
    request: HoldRequest,
    allowance: Allowance | undefined,
    admission: Booked['admission'],
  ): void {
    const { rooms, answer } = this.#parts
    rooms.ledger.hold(request).then(
      (hold) => {
        if (this.#state === 'worker-gone') return this.#interrupt(hold)
        open.held = { state: 'held', hold }
        answer({ type: 'reserved', n, admission, allowance, rowid: hold.rowid })
      },
      (error: unknown) => {
        if (this.#state === 'worker-gone') return
        this.#release(n, 0)
        answer({ type: 'refused', n, error: toldError(error) })
      },
    )
  }

  /** As in `#reserveWithin`, the check and the increase happen in one turn of the event loop. */
  #increaseHold(n: number, most: Money): void {
    const { rooms, answer } = this.#parts
    const open = this.#open.get(n)
    if (open === undefined || open.held.state === 'none') return
    const { hold } = open.held
    const allowance = rooms.limits.allowance(hold.caller)
    const increase = most - (hold.most ?? NOTHING)
    if (allowance !== undefined && increase > allowance.left)
      return answer({ type: 'refused', n, error: toldError(tooExpensive()) })
    open.held = { state: 'increasing', hold }
    const finish = (current: Hold, message: ToWorker): void => {
      open.held = { state: 'held', hold: current }
      if (this.#state === 'worker-gone') this.#interrupt(current)
      else answer(message)
    }
    rooms.ledger.raise(hold, most).then(
      (increased) =>
        finish(increased, { type: 'reserved', n, admission: undefined, allowance, rowid: increased.rowid }),
      (error: unknown) => finish(hold, { type: 'refused', n, error: toldError(error) }),
    )
  }

  #settle(n: number, settlement: Settlement): void {
    const { rooms, answerSoon } = this.#parts
    const open = this.#open.get(n)
    if (open === undefined || open.held.state === 'none') return
    rooms.figures.note(settlement)
    rooms.ledger.settle(open.held.hold, settlement).then(
      () => answerSoon({ type: 'settled', n, error: undefined }),
      (error: unknown) => answerSoon({ type: 'settled', n, error: toldError(error) }),
    )
    const { usage } = settlement
    this.#release(n, usage === undefined ? 0 : usage.prompt + usage.completion)
  }

  #release(n: number, tokensUsed: number): void {
    const open = this.#open.get(n)
    if (open === undefined) return
    this.#open.delete(n)
    open.admission.leave(tokensUsed)
    open.releaseSlot()
  }

  #interrupt(hold: Hold): void {
    const { rooms, log } = this.#parts
    rooms.ledger
      .interrupt(hold)
      .catch((error: unknown) =>
        log.error({ err: error, id: hold.id }, 'an open request of a dead worker could not be recorded'),
      )
  }
}

function tooExpensive(): BrokerError {
  return new BrokerError('over-budget', 'the remaining budget does not cover another attempt at this request')
}

function affords({ left }: Allowance, most: Money | undefined): boolean {
  return most !== undefined && most <= left
}
