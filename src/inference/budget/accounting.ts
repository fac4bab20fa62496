import type { Ledger } from '../../ledger/ledger.ts'
import type { BudgetQueue } from '../../limits/budget-queue.ts'
import type { Limits } from '../../limits/limits.ts'
import type { ResponseTokens } from '../../limits/response-tokens.ts'
import type { RequestContext, InferenceRequest } from '../request/inference-request.ts'

/** What accounting in another process has to know of a request to reserve its cost. */
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

/** The limits and the ledger as one request uses them. */
export interface Accounting {
  readonly limits: Pick<Limits, 'admit' | 'allowance'> & { readonly budgetQueue?: BudgetQueue | undefined }
  readonly ledger: Pick<Ledger, 'hold' | 'increaseHold' | 'settle'>
}

/** Consults accounting in another process. The result answers for this one request from what it learned. Throws what that process throws. */
export type ReserveRemotely = (reservation: ReservationRequest) => Promise<Accounting>
