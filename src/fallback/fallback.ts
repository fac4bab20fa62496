import { ERRORS, type BrokerError } from '../base/errors.ts'

/** How one attempt ended. `begun` says whether the caller has seen a part of the answer. */
export type AttemptOutcome =
  | { readonly type: 'answered' }
  | { readonly type: 'left' }
  | { readonly type: 'failed'; readonly error: BrokerError; readonly begun: boolean }

/**
 * Asks the candidates in order until one starts to answer. Goes on only while the caller has seen nothing and the
 * failure is of a kind that another candidate may not share; the outcome is that of the last attempt made.
 */
export async function fallback<Candidate>(
  candidates: readonly Candidate[],
  attempt: (candidate: Candidate) => Promise<AttemptOutcome>,
): Promise<AttemptOutcome> {
  let outcome: AttemptOutcome = { type: 'left' }
  for (const candidate of candidates) {
    outcome = await attempt(candidate)
    if (outcome.type !== 'failed' || outcome.begun) break
    if (ERRORS[outcome.error.code].fallback !== 'next') break
  }
  return outcome
}
