import type { Ledger } from '../../ledger/ledger.ts'
import type { Limits } from '../../limits/limits.ts'
import type { Asker, Errand } from '../request/inference-request.ts'

/** What accounting in another process has to know of a request to reserve its cost. */
export interface Booking {
  readonly errand: Errand
  readonly asker: Asker
  /** The generation id. */
  readonly id: string
  /** The expected tokens of the prompt. */
  readonly tokens: number
}

/** The limits and the ledger as one request uses them. */
export interface Books {
  readonly limits: Pick<Limits, 'admit' | 'allowance'>
  readonly ledger: Pick<Ledger, 'hold' | 'raise' | 'settle'>
}

/** Consults accounting in another process. The result answers for this one request from what it learned. Throws what that process throws. */
export type BookAhead = (booking: Booking) => Promise<Books>
