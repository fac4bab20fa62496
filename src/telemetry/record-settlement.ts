import type { Settlement } from '../ledger/types.ts'
import type { EndpointStats } from './endpoint-stats.ts'
import type { Metrics } from './metrics.ts'

/** An admitted request fails with this code only when the process is out of file descriptors. */
const OUR_LIMIT = /^overloaded:/

/** Endpoint statistics that also count each settlement in the metrics; `onExhausted` is called when file descriptors run out. */
export function withMetrics(
  endpointStats: EndpointStats,
  metrics: Pick<Metrics, 'record'>,
  onExhausted: () => void,
): EndpointStats {
  return {
    ...endpointStats,
    record(settlement: Settlement): void {
      endpointStats.record(settlement)
      metrics.record(settlement)
      if (settlement.error !== undefined && OUR_LIMIT.test(settlement.error)) onExhausted()
    },
  }
}
