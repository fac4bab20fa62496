import type { EndpointStats } from '../../telemetry/endpoint-stats.ts'
import type { InferenceRequest } from '../request/inference-request.ts'
import type { Grant } from '../budget/affordable-candidates.ts'

/** When a second endpoint may be tried beside one that is slow to send its first chunk, and how often. */
export interface HedgePolicy {
  /** Milliseconds after which this endpoint is unusually late; `undefined` when too little is known of it. */
  delayMs(endpointId: string): number | undefined
  /** Counts a request that may be hedged: it adds its share to the budget. */
  addRequest(): void
  /** Takes one extra request from the budget; false when there is none left. */
  acquire(): boolean
}

/** The maximum of extra requests that the budget accumulates in quiet times. */
const MAX_SAVED = 10
const WHOLE = 100

/** @param percent extra requests per hundred requests that may be hedged. */
export function createHedgePolicy(
  endpointStats: Pick<EndpointStats, 'slowMs'>,
  percent: number,
): HedgePolicy {
  let saved = 0
  return {
    delayMs: (endpointId) => endpointStats.slowMs(endpointId),
    addRequest() {
      saved = Math.min(MAX_SAVED * WHOLE, saved + percent)
    },
    acquire() {
      if (saved < WHOLE) return false
      saved -= WHOLE
      return true
    },
  }
}

/** The hedge policy of a request; `undefined` unless it is a stream with a second candidate whose first one has a known latency. */
export function hedgePolicyFor(
  request: InferenceRequest,
  grant: Grant,
  policy: HedgePolicy | undefined,
): HedgePolicy | undefined {
  const [first, second] = grant.candidates
  if (!request.stream || first === undefined || second === undefined) return undefined
  if (policy?.delayMs(first.id) === undefined) return undefined
  policy.addRequest()
  return policy
}
