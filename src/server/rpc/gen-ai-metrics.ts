import { COUNTED_STATUSES, type EndpointMetrics } from '../../telemetry/metrics.ts'
import { histogram, summary, type Labels } from './prometheus-text.ts'

/**
 * The metrics of endpoints under the names of OpenTelemetry's conventions for generative AI, in Prometheus' spelling: dots become
 * underscores and the unit is appended. Tokens are a summary, because only their sum is kept. The attribute
 * `gen_ai.operation.name` is absent: endpoints are not counted by kind of request.
 * Source: docs/gen-ai/gen-ai-metrics.md of github.com/open-telemetry/semantic-conventions, version 1.41.0, read 2026-12-01.
 */
export function genAiFamilies(endpoints: readonly EndpointMetrics[]): readonly string[] {
  const tokens = endpoints.flatMap((one) => {
    const count = requestsOf(one)
    return [
      [
        { ...labelsOf(one), gen_ai_token_type: 'input' },
        { sum: one.tokens.prompt, count },
      ],
      [
        { ...labelsOf(one), gen_ai_token_type: 'output' },
        { sum: one.tokens.completion, count },
      ],
    ] as const
  })
  return [
    histogram(
      'gen_ai_client_operation_duration_seconds',
      'From the request to the end of the response.',
      endpoints.map((one) => [labelsOf(one), one.duration]),
    ),
    histogram(
      'gen_ai_client_operation_time_to_first_chunk_seconds',
      'From the request to the first chunk of the response.',
      endpoints.map((one) => [labelsOf(one), one.firstToken]),
    ),
    summary('gen_ai_client_token_usage', 'Tokens of requests; cached and reasoning ones are inside.', tokens),
  ]
}

function requestsOf({ requests }: EndpointMetrics): number {
  return COUNTED_STATUSES.reduce((sum, status) => sum + requests[status], 0)
}

/** An endpoint is named `provider/model`, with more slashes in many models. */
function labelsOf({ provider, endpoint }: EndpointMetrics): Labels {
  const model = endpoint.startsWith(`${provider}/`) ? endpoint.slice(provider.length + 1) : endpoint
  return { gen_ai_provider_name: provider, gen_ai_response_model: model }
}
