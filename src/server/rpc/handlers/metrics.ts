import { usdText } from '../../../base/money.ts'
import type { Histogram } from '../../../telemetry/histogram.ts'
import type { EndpointMetrics, RequestMetrics, Metrics } from '../../../telemetry/metrics.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import type { Result } from '../../../wire/rpc/methods.ts'
import type { HandlersOf } from '../calls/handler-types.ts'

export interface MetricsFacts {
  readonly services: AdminServices
  readonly metrics: Metrics
}

type ProviderFigures = Result<'metrics.detailed'>['providers'][number]

export function metricsHandlers({
  services,
  metrics,
}: MetricsFacts): HandlersOf<'metrics.get' | 'metrics.detailed'> {
  return {
    'metrics.get': async () => ({
      since: metrics.since,
      ...figuresRow(metrics.total),
      open_requests: services.ledger.openHolds().length,
      answers: metrics
        .httpResponses()
        .map(({ listener, status, count }) => ({ door: listener, status, count })),
      memory_bytes: process.memoryUsage.rss(),
    }),
    'metrics.detailed': async () => {
      const byProvider = Map.groupBy(metrics.endpoints(), ({ provider }) => provider)
      const names = new Set([...services.providers().keys(), ...byProvider.keys()])
      return {
        since: metrics.since,
        providers: [...names].map((provider) => ({
          provider,
          keys: keyRows(provider, services),
          endpoints: (byProvider.get(provider) ?? []).map(endpointRow),
        })),
      }
    },
  }
}

function keyRows(provider: string, services: AdminServices): ProviderFigures['keys'] {
  const keys = services.providers().get(provider)?.keys() ?? []
  return keys.map(({ number, inFlight, requests, successes, failures, state }) => ({
    key: number,
    running: inFlight,
    asked: requests,
    answered: successes,
    failed: failures,
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

function figuresRow({ requests, tokens, cost, unpriced, duration, firstToken }: RequestMetrics) {
  const { prompt, completion, cachedPrompt, reasoning } = tokens
  return {
    requests: { ...requests },
    tokens: { prompt, completion, cached_prompt: cachedPrompt, reasoning },
    cost_usd: usdText(cost),
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
