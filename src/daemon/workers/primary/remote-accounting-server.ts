import type { Admission as House } from '../../../inference/admission/concurrency-limit.ts'
import type { UpstreamIds } from '../../../inference/response/upstream-ids.ts'
import { BrokerError } from '../../../base/errors.ts'
import { NOTHING, type Money } from '../../../base/money.ts'
import type { Ledger } from '../../../ledger/ledger.ts'
import type { Hold, HoldRequest, Settlement } from '../../../ledger/types.ts'
import type { Admission, Allowance, Limits } from '../../../limits/limits.ts'
import type { DaemonLog } from '../../log.ts'
import type { Booked, BookMessage, ToWorker } from '../ipc/ipc-messages.ts'
import { toldError } from '../ipc/ipc-error.ts'

/** The one truth that all workers ask. */
export interface BookRooms {
  readonly limits: Pick<Limits, 'admit' | 'allowance'>
  readonly ledger: Pick<Ledger, 'hold' | 'raise' | 'settle' | 'interrupt'>
  readonly admission: House
  readonly figures: { note(settlement: Settlement): void }
  readonly upstreamIds: UpstreamIds
}

export interface WorkerBooksParts {
  readonly rooms: BookRooms
  readonly log: DaemonLog
  readonly answer: (message: ToWorker) => void
  /** For what the worker doesn't wait for. */
  readonly answerSoon: (message: ToWorker) => void
}

/** A request of the worker, from being let in until it has left. */
interface Open {
  readonly request: HoldRequest
  readonly admission: Admission
  readonly leaveHouse: () => void
  hold: Hold | undefined
  /** More is being set aside: the hold is about to be another one. */
  isRaising: boolean
}

/** The books of one worker's requests: what `walk` does with its own, done for another process. */
export class WorkerBooks {
  readonly #parts: WorkerBooksParts
  readonly #open = new Map<number, Open>()
  #isGone = false

  constructor(parts: WorkerBooksParts) {
    this.#parts = parts
  }

  hear(message: BookMessage): void {
    const { rooms } = this.#parts
    switch (message.type) {
      case 'ask':
        return this.#ask(message)
      case 'ask-again':
        return this.#askAgain(message.n, message.most)
      case 'raise':
        return this.#raise(message.n, message.most)
      case 'settle':
        return this.#settle(message.n, message.settlement)
      case 'leave':
        return this.#leave(message.n, 0)
      case 'upstream-id':
        return rooms.upstreamIds.note(message.theirs, message.ours)
    }
  }

  /** The worker died: what it left open is booked with bounds, as after a crash of a whole broker. */
  gone(): void {
    this.#isGone = true
    for (const [n, open] of this.#open) {
      if (open.hold !== undefined && !open.isRaising) this.#interrupt(open.hold)
      this.#leave(n, 0)
    }
  }

  #ask({ n, tokens, request, isWhole }: Extract<BookMessage, { type: 'ask' }>): void {
    const { rooms, answer } = this.#parts
    let leaveHouse: (() => void) | undefined
    let admission: Admission | undefined
    try {
      leaveHouse = rooms.admission.enter()
      admission = rooms.limits.admit(request.caller, tokens)
      const allowance = rooms.limits.allowance(request.caller)
      const open = { request, admission, leaveHouse, hold: undefined, isRaising: false }
      this.#open.set(n, open)
      const { headers, mayHedge } = admission
      const told = { headers, mayHedge }
      if (allowance === undefined || (isWhole && affords(allowance, request.most)))
        return this.#hold(n, open, request, allowance, told)
      answer({ type: 'booked', n, admission: told, allowance, rowid: undefined })
    } catch (error) {
      this.#open.delete(n)
      admission?.leave(0)
      leaveHouse?.()
      answer({ type: 'refused', n, error: toldError(error) })
    }
  }

  /** Nothing waits between this look at the balance and the hold, so nobody else can hold the same money. */
  #askAgain(n: number, most: Money | undefined): void {
    const open = this.#open.get(n)
    if (open === undefined) return
    const allowance = this.#parts.rooms.limits.allowance(open.request.caller)
    const isAffordable = allowance === undefined || most === undefined || affords(allowance, most)
    if (isAffordable) this.#hold(n, open, { ...open.request, most }, allowance, undefined)
    else this.#parts.answer({ type: 'booked', n, admission: undefined, allowance, rowid: undefined })
  }

  #hold(
    n: number,
    open: Open,
    request: HoldRequest,
    allowance: Allowance | undefined,
    admission: Booked['admission'],
  ): void {
    const { rooms, answer } = this.#parts
    rooms.ledger.hold(request).then(
      (hold) => {
        if (this.#isGone) return this.#interrupt(hold)
        open.hold = hold
        answer({ type: 'booked', n, admission, allowance, rowid: hold.rowid })
      },
      (error: unknown) => {
        if (this.#isGone) return
        this.#leave(n, 0)
        answer({ type: 'refused', n, error: toldError(error) })
      },
    )
  }

  /** As with the first hold, nothing waits between the look and the raise. */
  #raise(n: number, most: Money): void {
    const { rooms, answer } = this.#parts
    const open = this.#open.get(n)
    const hold = open?.hold
    if (open === undefined || hold === undefined) return
    const allowance = rooms.limits.allowance(hold.caller)
    const more = most - (hold.most ?? NOTHING)
    if (allowance !== undefined && more > allowance.left)
      return answer({ type: 'refused', n, error: toldError(tooDear()) })
    open.isRaising = true
    const become = (now: Hold, message: ToWorker): void => {
      open.hold = now
      open.isRaising = false
      if (this.#isGone) this.#interrupt(now)
      else answer(message)
    }
    rooms.ledger.raise(hold, most).then(
      (raised) => become(raised, { type: 'booked', n, admission: undefined, allowance, rowid: raised.rowid }),
      (error: unknown) => become(hold, { type: 'refused', n, error: toldError(error) }),
    )
  }

  #settle(n: number, settlement: Settlement): void {
    const { rooms, answerSoon } = this.#parts
    const open = this.#open.get(n)
    if (open?.hold === undefined) return
    rooms.figures.note(settlement)
    rooms.ledger.settle(open.hold, settlement).then(
      () => answerSoon({ type: 'settled', n, error: undefined }),
      (error: unknown) => answerSoon({ type: 'settled', n, error: toldError(error) }),
    )
    const { usage } = settlement
    this.#leave(n, usage === undefined ? 0 : usage.prompt + usage.completion)
  }

  #leave(n: number, tokensUsed: number): void {
    const open = this.#open.get(n)
    if (open === undefined) return
    this.#open.delete(n)
    open.admission.leave(tokensUsed)
    open.leaveHouse()
  }

  #interrupt(hold: Hold): void {
    const { rooms, log } = this.#parts
    rooms.ledger
      .interrupt(hold)
      .catch((error: unknown) =>
        log.error({ err: error, id: hold.id }, 'a request of a dead worker could not be booked'),
      )
  }
}

function tooDear(): BrokerError {
  return new BrokerError('over-budget', 'the budget affords no more for this answer')
}

function affords({ left }: Allowance, most: Money | undefined): boolean {
  return most !== undefined && most <= left
}
