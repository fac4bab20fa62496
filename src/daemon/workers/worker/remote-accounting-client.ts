import { BrokerError } from '../../../base/errors.ts'
import type { Clock } from '../../../base/clock.ts'
import { grantFor } from '../../../inference/budget/affordable-candidates.ts'
import type { Errand } from '../../../inference/request/inference-request.ts'
import type { BookAhead, Booking, Books } from '../../../inference/budget/accounting.ts'
import { mostItCanCost } from '../../../ledger/cost.ts'
import type { Hold, HoldRequest } from '../../../ledger/types.ts'
import type { Admission, Allowance } from '../../../limits/limits.ts'
import type { RuleBook } from '../../../limits/limit-store.ts'
import type { Booked, FromWorker, ToldError, ToWorker } from '../ipc/ipc-messages.ts'
import { errorTold } from '../ipc/ipc-error.ts'

/** The books as a worker sees them: all of them are the primary's. */
export interface BooksElsewhere {
  readonly bookAhead: BookAhead
  hear(message: Extract<ToWorker, { readonly n: number }>): void
  /** Resolves when nothing that was booked is left to be settled. */
  settled(): Promise<void>
}

export interface BooksElsewhereParts {
  readonly send: (message: FromWorker) => void
  readonly rules: Pick<RuleBook, 'boundsOf'>
  readonly clock: Clock
}

interface Waiting<T> {
  resolve(value: T): void
  reject(error: BrokerError): void
}

export function createBooksElsewhere({ send, rules, clock }: BooksElsewhereParts): BooksElsewhere {
  const bookings = new Map<number, Waiting<Booked>>()
  const settlements = new Map<number, Waiting<void>>()
  const onIdle: (() => void)[] = []
  let last = 0
  let open = 0

  function close(): void {
    if (--open === 0) for (const resolve of onIdle.splice(0)) resolve()
  }

  function booked(message: Extract<FromWorker, { type: 'ask' | 'ask-again' | 'raise' }>): Promise<Booked> {
    return new Promise((resolve, reject) => {
      bookings.set(message.n, { resolve, reject })
      send(message)
    })
  }

  async function bookAhead({ errand, asker, id, tokens }: Booking): Promise<Books> {
    const { caller, referer, title } = asker
    const n = ++last
    open++
    let request: HoldRequest = {
      id,
      caller,
      kind: errand.kind.name,
      modelAsked: errand.modelAsked,
      streamed: errand.streamed,
      most: errand.most,
      startedAt: clock.now(),
      referer,
      title,
      group: errand.group,
    }
    let answer: Booked
    let admission: Booked['admission']
    let allowance: Allowance | undefined
    try {
      const hasBudget = rules.boundsOf(caller).some(({ rule }) => rule.budgets.length > 0)
      answer = await booked({ type: 'ask', n, tokens, request, isWhole: hasBudget && isWhole(errand) })
      admission = answer.admission
      allowance = answer.allowance
      while (answer.rowid === undefined) {
        const most = mostWithin(errand, allowance, () => send({ type: 'leave', n }))
        request = { ...request, most }
        answer = await booked({ type: 'ask-again', n, most })
        if (answer.rowid === undefined) allowance = answer.allowance
      }
    } catch (error) {
      close()
      throw error
    }
    return bookedRequest(n, { ...request, rowid: answer.rowid }, admission ?? UNBOUND, allowance)
  }

  /** What the walk finds in place of the limits and the ledger. */
  function bookedRequest(
    n: number,
    hold: Hold,
    { headers, mayHedge }: Pick<Admission, 'headers' | 'mayHedge'>,
    allowance: Allowance | undefined,
  ): Books {
    let granted = allowance
    return {
      limits: {
        // What is settled has left.
        admit: () => ({ headers, mayHedge, leave: () => undefined }),
        // Looked at once, for the grant. Whether more can be set aside later is the primary's to say, by what is left then.
        allowance() {
          const once = granted
          granted = undefined
          return once
        },
      },
      ledger: {
        hold: () => Promise.resolve(hold),
        async raise(before, most) {
          const { rowid = before.rowid } = await booked({ type: 'raise', n, most })
          return { ...before, most, rowid }
        },
        settle: (_hold, settlement) =>
          new Promise((resolve, reject) => {
            settlements.set(n, { resolve, reject })
            send({ type: 'settle', n, settlement })
          }),
      },
    }
  }

  function settled(n: number, error: ToldError | undefined): void {
    const waiting = settlements.get(n)
    settlements.delete(n)
    close()
    if (error === undefined) waiting?.resolve()
    else waiting?.reject(errorTold(error))
  }

  return {
    bookAhead,
    settled: () => (open === 0 ? Promise.resolve() : new Promise((resolve) => onIdle.push(resolve))),
    hear(message) {
      const { n } = message
      if (message.type === 'settled') return settled(n, message.error)
      const waiting = bookings.get(n)
      bookings.delete(n)
      if (message.type === 'booked') waiting?.resolve(message)
      else waiting?.reject(errorTold(message.error))
    },
  }
}

const UNBOUND = { headers: {}, mayHedge: undefined }

/** What the budget affords of it. Throws `over-budget`, after the request has left. */
function mostWithin(errand: Errand, allowance: Allowance | undefined, leave: () => void) {
  try {
    return grantFor(errand, allowance).most
  } catch (error) {
    leave()
    throw error
  }
}

/** A budget that affords the dearest candidate leaves the errand as it is. */
function isWhole({ candidates, kind }: Errand): boolean {
  return candidates.every(
    (endpoint) =>
      endpoint.price !== undefined && mostItCanCost(kind.maxUsage(endpoint), endpoint.price) !== undefined,
  )
}
