import { usdText } from '../../base/money.ts'
import type { EndpointMetrics, RequestMetrics, Metrics } from '../../telemetry/metrics.ts'
import type { AdminServices } from '../../inference/services/services.ts'
import { genAiFamilies } from './gen-ai-metrics.ts'
import * as text from './prometheus-text.ts'
import type { Histogram } from '../../telemetry/histogram.ts'

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export interface PrometheusFacts {
  readonly metrics: Metrics
  readonly services: AdminServices
  readonly version: string
}

type Labels = text.Labels
type Sample = text.Sample

/** The counters in Prometheus' text format. Costs are exact decimals of US dollars. */
export function prometheusText(facts: PrometheusFacts): string {
  const { metrics } = facts
  return [
    ...processFamilies(facts),
    ...totalFamilies(metrics.total),
    ...endpointFamilies(metrics.endpoints()),
    ...genAiFamilies(metrics.endpoints()),
  ].join('')
}

function processFamilies({ metrics, services, version }: PrometheusFacts): readonly string[] {
  const responses = metrics
    .httpResponses()
    .map(({ listener, status, count }): Sample => [{ door: listener, status }, count])
  return [
    family('build_info', 'gauge', 'Running version.', [[{ version }, 1]]),
    family('start_time_seconds', 'gauge', 'Start of the process, unix time.', [[{}, metrics.since]]),
    family('resident_memory_bytes', 'gauge', 'Resident memory.', [[{}, process.memoryUsage.rss()]]),
    family('open_requests', 'gauge', 'Requests in flight.', [[{}, services.ledger.openHolds().length]]),
    family('http_answers_total', 'counter', 'HTTP responses.', responses),
    family('key_running', 'gauge', 'Requests in flight by key, counted from 1.', keySamples(services)),
    family('key_requests_total', 'counter', 'Requests by key and outcome.', keyOutcomes(services)),
  ]
}

function totalFamilies(total: RequestMetrics): readonly string[] {
  return [
    family('requests_total', 'counter', 'Requests to models that ended.', statusSamples({}, total)),
    family('tokens_total', 'counter', TOKENS, tokenSamples({}, total)),
    family('cost_usd_total', 'counter', 'Known cost.', [[{}, usdText(total.cost)]]),
    family('unpriced_total', 'counter', 'Responses without a known price.', [[{}, total.unpriced]]),
    histogram('duration_seconds', 'From the request to the end of the response.', [[{}, total.duration]]),
    histogram('first_token_seconds', 'From the request to the first token.', [[{}, total.firstToken]]),
  ]
}

const TOKENS = 'Tokens; cached ones are inside prompt, reasoning inside completion.'

function endpointFamilies(endpoints: readonly EndpointMetrics[]): readonly string[] {
  const each = (samples: (labels: Labels, endpoint: EndpointMetrics) => readonly Sample[]) =>
    endpoints.flatMap((endpoint) => samples(labelsOf(endpoint), endpoint))
  const failures = (labels: Labels, { failedAttempts }: EndpointMetrics) =>
    [...failedAttempts].map(([code, count]): Sample => [{ ...labels, code }, count])
  const costs = (labels: Labels, { cost }: EndpointMetrics): readonly Sample[] => [[labels, usdText(cost)]]
  const firstTokens = endpoints.map((one) => [labelsOf(one), one.firstToken] as const)
  return [
    family(
      'endpoint_requests_total',
      'counter',
      'Requests by the endpoint that responded.',
      each(statusSamples),
    ),
    family(
      'endpoint_failures_total',
      'counter',
      'Attempts that were followed by another endpoint.',
      each(failures),
    ),
    family('endpoint_tokens_total', 'counter', TOKENS, each(tokenSamples)),
    family('endpoint_cost_usd_total', 'counter', 'Known cost.', each(costs)),
    histogram('endpoint_first_token_seconds', 'From the request to the first token.', firstTokens),
  ]
}

function statusSamples(labels: Labels, { requests }: RequestMetrics): readonly Sample[] {
  return Object.entries(requests).map(([status, count]) => [{ ...labels, status }, count])
}

function tokenSamples(labels: Labels, { tokens }: RequestMetrics): readonly Sample[] {
  return [
    [{ ...labels, kind: 'prompt' }, tokens.prompt],
    [{ ...labels, kind: 'completion' }, tokens.completion],
    [{ ...labels, kind: 'cached_prompt' }, tokens.cachedPrompt],
    [{ ...labels, kind: 'reasoning' }, tokens.reasoning],
  ]
}

function keySamples(services: AdminServices): readonly Sample[] {
  return [...services.providers().values()].flatMap((provider) =>
    provider
      .keys()
      .map(({ number, inFlight, state }): Sample => [
        { provider: provider.id, key: number, state },
        inFlight,
      ]),
  )
}

function keyOutcomes(services: AdminServices): readonly Sample[] {
  return [...services.providers().values()].flatMap((provider) =>
    provider.keys().flatMap(({ number: key, successes, failures }): Sample[] => [
      [{ provider: provider.id, key, outcome: 'answered' }, successes],
      [{ provider: provider.id, key, outcome: 'failed' }, failures],
    ]),
  )
}

function labelsOf({ provider, endpoint }: EndpointMetrics): Labels {
  return { provider, endpoint }
}

const PREFIX = 'aibroker_'

function family(name: string, type: 'counter' | 'gauge', help: string, samples: readonly Sample[]): string {
  return text.family(PREFIX + name, type, help, samples)
}

function histogram(name: string, help: string, samples: readonly (readonly [Labels, Histogram])[]): string {
  return text.histogram(PREFIX + name, help, samples)
}
