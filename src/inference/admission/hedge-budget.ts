import type { EndpointFiguresBook } from '../../telemetry/endpoint-stats.ts'
import type { Errand } from '../request/inference-request.ts'
import type { Grant } from '../budget/affordable-candidates.ts'

/** When a second endpoint may be tried beside one that is slow to send its first chunk, and how often. */
export interface Hedges {
  /** Milliseconds after which this endpoint is unusually late; `undefined` when too little is known of it. */
  patienceMs(endpointId: string): number | undefined
  /** Counts a request that may be hedged: it adds its share to the budget. */
  enter(): void
  /** Takes one extra request from the budget; false when there is none left. */
  take(): boolean
}

/** The maximum of extra requests that the budget accumulates in quiet times. */
const MOST_SAVED = 10
const WHOLE = 100

/** @param percent extra requests per hundred requests that may be hedged. */
export function createHedges(figures: Pick<EndpointFiguresBook, 'slowMs'>, percent: number): Hedges {
  let saved = 0
  return {
    patienceMs: (endpointId) => figures.slowMs(endpointId),
    enter() {
      saved = Math.min(MOST_SAVED * WHOLE, saved + percent)
    },
    take() {
      if (saved < WHOLE) return false
      saved -= WHOLE
      return true
    },
  }
}

/** The hedge policy of a request; `undefined` unless it is a stream with a second candidate whose first one has a known latency. */
export function hedgesFor(errand: Errand, grant: Grant, hedges: Hedges | undefined): Hedges | undefined {
  const [first, second] = grant.candidates
  if (!errand.streamed || first === undefined || second === undefined) return undefined
  if (hedges?.patienceMs(first.id) === undefined) return undefined
  hedges.enter()
  return hedges
}
