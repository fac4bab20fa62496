import { BrokerError } from '../../../base/errors.ts'
import type { Clock } from '../../../base/clock.ts'
import { grantFor } from '../../../inference/budget/affordable-candidates.ts'
import type { Errand } from '../../../inference/request/inference-request.ts'
import type { BookAhead, Booking, Books } from '../../../inference/budget/accounting.ts'
import { mostItCanCost } from '../../../ledger/cost.ts'
import type { Hold, HoldRequest, Settlement } from '../../../ledger/types.ts'
import type { Admission, Allowance } from '../../../limits/limits.ts'
import type { RuleBook } from '../../../limits/limit-store.ts'
import {
  errorTold,
  type Booked,
  type FromWorker,
  type ToldError,
  type ToWorker,
} from '../ipc/ipc-messages.ts'

/** Limits and ledger of a worker, both of which are the primary's. */
export interface BooksElsewhere {
  readonly bookAhead: BookAhead
  hear(message: Extract<ToWorker, { readonly n: number }>): void
  /** Resolves when every reserved request is settled. */
  settled(): Promise<void>
}

export interface BooksElsewhereParts {
  readonly send: (message: FromWorker) => void
  readonly rules: Pick<RuleBook, 'boundsOf'>
  readonly clock: Clock
}

/** Reserves limits and money at the primary before a request is executed. */
export function createBooksElsewhere(parts: BooksElsewhereParts): BooksElsewhere {
  return new RemoteAccountingClient(parts)
}

type Reserve = Extract<FromWorker, { type: 'reserve' | 'reserve-within' | 'increase-hold' }>

interface Pending<T> {
  resolve(value: T): void
  reject(error: BrokerError): void
}

/** What the primary granted to request `n`. */
interface PrimaryGrant {
  readonly n: number
  readonly hold: Hold
  readonly admission: Pick<Admission, 'headers' | 'mayHedge'>
  readonly allowance: Allowance | undefined
}

class RemoteAccountingClient implements BooksElsewhere {
  readonly #parts: BooksElsewhereParts
  /** Messages without a response yet, by the request's number. A request has one at a time. */
  readonly #reservations = new Map<number, Pending<Booked>>()
  readonly #settlements = new Map<number, Pending<void>>()
  readonly #onIdle: (() => void)[] = []
  #last = 0
  #open = 0

  constructor(parts: BooksElsewhereParts) {
    this.#parts = parts
  }

  readonly bookAhead: BookAhead = async (booking) => {
    const n = ++this.#last
    this.#open++
    try {
      return this.#accountingOf(await this.#reserve(n, booking))
    } catch (error) {
      this.#close()
      throw error
    }
  }

  hear(message: Extract<ToWorker, { readonly n: number }>): void {
    const { n } = message
    if (message.type === 'settled') return this.#onSettled(n, message.error)
    const pending = this.#reservations.get(n)
    this.#reservations.delete(n)
    if (message.type === 'reserved') pending?.resolve(message)
    else pending?.reject(errorTold(message.error))
  }

  settled(): Promise<void> {
    return this.#open === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve))
  }

  /** Reserves the request as it is, and where its budget does not afford that, what the budget affords. */
  async #reserve(n: number, booking: Booking): Promise<PrimaryGrant> {
    const { errand, tokens } = booking
    let request = this.#holdRequest(booking)
    const { caller } = request
    const hasBudget = this.#parts.rules.boundsOf(caller).some(({ rule }) => rule.budgets.length > 0)
    const isWhole = hasBudget && hasKnownMaxCost(errand)
    let reserved = await this.#request({ type: 'reserve', n, tokens, request, isWhole })
    const { admission = UNRESTRICTED } = reserved
    let { allowance } = reserved
    while (reserved.rowid === undefined) {
      const most = affordableCost(errand, allowance, () => this.#parts.send({ type: 'release', n }))
      request = { ...request, most }
      reserved = await this.#request({ type: 'reserve-within', n, most })
      if (reserved.rowid === undefined) allowance = reserved.allowance
    }
    return { n, hold: { ...request, rowid: reserved.rowid }, admission, allowance }
  }

  #holdRequest({ errand, asker: { caller, referer, title }, id }: Booking): HoldRequest {
    return {
      id,
      caller,
      kind: errand.kind.name,
      modelAsked: errand.modelAsked,
      streamed: errand.streamed,
      most: errand.most,
      startedAt: this.#parts.clock.now(),
      referer,
      title,
      group: errand.group,
    }
  }

  /** Stands in for limits and ledger while this one request is executed. */
  #accountingOf({ n, hold, admission: { headers, mayHedge }, allowance }: PrimaryGrant): Books {
    let granted = allowance
    return {
      limits: {
        // Settling a request also releases it.
        admit: () => ({ headers, mayHedge, leave: () => undefined }),
        // Read once, to select affordable candidates. Whether the hold may be increased later is decided by the primary,
        // by the budget that is left then.
        allowance() {
          const once = granted
          granted = undefined
          return once
        },
      },
      ledger: {
        hold: () => Promise.resolve(hold),
        raise: async (before, most) => {
          const { rowid = before.rowid } = await this.#request({ type: 'increase-hold', n, most })
          return { ...before, most, rowid }
        },
        settle: (_hold, settlement) => this.#settle(n, settlement),
      },
    }
  }

  #request(message: Reserve): Promise<Booked> {
    return new Promise((resolve, reject) => {
      this.#reservations.set(message.n, { resolve, reject })
      this.#parts.send(message)
    })
  }

  #settle(n: number, settlement: Settlement): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settlements.set(n, { resolve, reject })
      this.#parts.send({ type: 'settle', n, settlement })
    })
  }

  #onSettled(n: number, error: ToldError | undefined): void {
    const pending = this.#settlements.get(n)
    this.#settlements.delete(n)
    this.#close()
    if (error === undefined) pending?.resolve()
    else pending?.reject(errorTold(error))
  }

  #close(): void {
    if (--this.#open === 0) for (const resolve of this.#onIdle.splice(0)) resolve()
  }
}

const UNRESTRICTED = { headers: {}, mayHedge: undefined }

/** The part of the request's cost that its budget affords. Throws `over-budget` after calling `release`. */
function affordableCost(errand: Errand, allowance: Allowance | undefined, release: () => void) {
  try {
    return grantFor(errand, allowance).most
  } catch (error) {
    release()
    throw error
  }
}

/** Whether the maximum cost of every candidate is known: a budget that affords the highest one leaves the request as it is. */
function hasKnownMaxCost({ candidates, kind }: Errand): boolean {
  return candidates.every(
    (endpoint) =>
      endpoint.price !== undefined && mostItCanCost(kind.maxUsage(endpoint), endpoint.price) !== undefined,
  )
}
