import { formatDollars } from '../../../base/money.ts'
import type { Histogram } from '../../../telemetry/histogram.ts'
import type { EndpointMetrics, Figures, Metrics } from '../../../telemetry/metrics.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import type { Result } from '../../../wire/rpc/methods.ts'
import type { HandlersOf } from '../calls/handler-types.ts'

export interface MetricsFacts {
  readonly rooms: Rooms
  readonly metrics: Metrics
}

type ProviderFigures = Result<'metrics.detailed'>['providers'][number]

export function metricsHandlers({
  rooms,
  metrics,
}: MetricsFacts): HandlersOf<'metrics.get' | 'metrics.detailed'> {
  return {
    'metrics.get': async () => ({
      since: metrics.since,
      ...figuresRow(metrics.total),
      open_requests: rooms.ledger.openHolds().length,
      answers: [...metrics.answers()],
      memory_bytes: process.memoryUsage.rss(),
    }),
    'metrics.detailed': async () => {
      const byProvider = Map.groupBy(metrics.endpoints(), ({ provider }) => provider)
      const names = new Set([...rooms.providers().keys(), ...byProvider.keys()])
      return {
        since: metrics.since,
        providers: [...names].map((provider) => ({
          provider,
          keys: keyRows(provider, rooms),
          endpoints: (byProvider.get(provider) ?? []).map(endpointRow),
        })),
      }
    },
  }
}

function keyRows(provider: string, rooms: Rooms): ProviderFigures['keys'] {
  const lanes = rooms.providers().get(provider)?.lanes() ?? []
  return lanes.map(({ number, running, asked, answered, failed, state }) => ({
    key: number,
    running,
    asked,
    answered,
    failed,
    state,
  }))
}

function endpointRow(metrics: EndpointMetrics): ProviderFigures['endpoints'][number] {
  return {
    endpoint: metrics.endpoint,
    ...figuresRow(metrics),
    failed_attempts: [...metrics.failedAttempts].map(([code, count]) => ({ code, count })),
  }
}

function figuresRow({ requests, tokens, cost, unpriced, duration, firstToken }: Figures) {
  const { prompt, completion, cachedPrompt, reasoning } = tokens
  return {
    requests: { ...requests },
    tokens: { prompt, completion, cached_prompt: cachedPrompt, reasoning },
    cost_usd: formatDollars(cost),
    unpriced,
    duration: histogramRow(duration),
    first_token: histogramRow(firstToken),
  }
}

function histogramRow(histogram: Histogram) {
  const { count, sum } = histogram
  const buckets = histogram.buckets().map(({ le, count: below }) => ({ le_s: le, count: below }))
  return { count, sum_s: sum, buckets }
}
