import type { Ledger } from '../../ledger/ledger.ts'
import type { Limits } from '../../limits/limits.ts'
import type { Asker, Errand } from '../request/inference-request.ts'

/** What is booked for one request. */
export interface Booking {
  readonly errand: Errand
  readonly asker: Asker
  /** The generation id. */
  readonly id: string
  /** What the prompt is expected to have. */
  readonly tokens: number
}

/** What the walk asks of the books. */
export interface Books {
  readonly limits: Pick<Limits, 'admit' | 'allowance'>
  readonly ledger: Pick<Ledger, 'hold' | 'raise' | 'settle'>
}

/** Books for this request alone, which have been asked already. Throws what they would throw. */
export type BookAhead = (booking: Booking) => Promise<Books>
