import type { FastifyReply, FastifyRequest } from 'fastify'
import { authenticate } from '../../http/authenticate.ts'
import { BrokerError } from '../../../base/errors.ts'
import { usdNumber, type Money } from '../../../base/money.ts'
import {
  explain,
  type QuotedCandidate,
  type Explanation,
  type ExplainRequest,
} from '../../../inference/explain.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import { parseChatRequest } from '../../../wire/openai/chat.ts'
import { parseCompletionRequest } from '../../../wire/openai/completion.ts'
import { parseEmbeddingRequest } from '../../../wire/openai/embedding.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'
import { renderError } from '../../http/errors/error-response.ts'
import type { BodyReader } from './route-parts.ts'
import { pricingOf } from '../models/pricing-json.ts'

/**
 * `POST /explain`: takes the body of a chat, a completion or an embedding and calls no provider. Returns every candidate in the
 * order in which it would be tried, and every excluded endpoint with the reason.
 */
export function postExplain(
  request: FastifyRequest,
  _reply: FastifyReply,
  services: AdminServices,
  readBody: BodyReader,
): object {
  const inquiry = inquiryOf(readBody(request))
  const { candidates, excluded, excludedModels, error } = explain(inquiry, authenticate(request), services)
  return {
    model: inquiry.routing.model,
    kind: inquiry.kind,
    candidates: candidates.map((candidate) => candidateRow(candidate, services)),
    excluded: excluded.map(({ endpoint, step, reason }) => ({
      endpoint: endpoint.id,
      model: endpoint.model,
      provider: endpoint.provider,
      pricing: pricingOf(endpoint.price),
      step,
      reason,
    })),
    ...(excludedModels.length === 0 ? {} : { models_left_out: excludedModels.map(skippedModelJson) }),
    ...(error === undefined ? {} : { error: renderError(error).body.error }),
  }
}

/** `POST /quote`: the expected cost of a request at the first candidate, and its maximum cost at the most expensive one. */
export function postQuote(
  request: FastifyRequest,
  _reply: FastifyReply,
  services: AdminServices,
  readBody: BodyReader,
): object {
  const inquiry = inquiryOf(readBody(request))
  const { candidates, error } = explain(inquiry, authenticate(request), services)
  if (error !== undefined) throw error
  const [first] = candidates
  if (first === undefined) throw new BrokerError('none-fits', 'no endpoint can serve this request')
  const max = candidates.flatMap(({ quote }) => quote.maxCost ?? [])
  return {
    model: inquiry.routing.model,
    endpoint: first.endpoint.id,
    prompt_tokens: first.quote.promptTokens,
    completion_tokens: first.quote.completionTokens,
    ...usd({ expected_usd: first.quote.expected, most_usd: largest(max) }),
    unpriced: candidates.some(({ quote }) => quote.maxCost === undefined),
    candidates: candidates.map((candidate) => candidateRow(candidate, services)),
  }
}

function skippedModelJson({ model, error }: Explanation['excludedModels'][number]): object {
  return { model, reason: error.message }
}

function inquiryOf(body: JsonBody): ExplainRequest {
  const { value } = body
  if (value['input'] !== undefined)
    return { kind: 'embedding', ...parseEmbeddingRequest(body), maxTokens: 0, n: 1 }
  if (value['messages'] === undefined && value['prompt'] !== undefined) {
    const completionRequest = parseCompletionRequest(body)
    return { kind: 'chat', ...completionRequest, body: completionRequest.chatBody }
  }
  return { kind: 'chat', ...parseChatRequest(body) }
}

function candidateRow(
  { endpoint, quote, readiness }: QuotedCandidate,
  { providers, endpointStats }: AdminServices,
): object {
  const measured = endpointStats.of(endpoint.id)
  return {
    endpoint: endpoint.id,
    model: endpoint.model,
    provider: endpoint.provider,
    provider_name: providers().get(endpoint.provider)?.displayName ?? endpoint.provider,
    priority: endpoint.priority,
    pricing: pricingOf(endpoint.price),
    ...usd({ expected_usd: quote.expected, most_usd: quote.maxCost }),
    ...(quote.maxCost === undefined ? { unpriced: true } : {}),
    ...cooldownJson(readiness),
    latency_last_30m: measured?.latency ?? null,
    throughput_last_30m: measured?.throughput ?? null,
  }
}

/** Why a candidate is skipped for now, and for how long. */
function cooldownJson(readiness: QuotedCandidate['readiness']): object {
  if (readiness?.state !== 'cooling-down') return {}
  return { resting: { reason: readiness.reason, for_ms: Math.ceil(readiness.availableInMs) } }
}

function usd(amounts: Readonly<Record<string, Money | undefined>>): Record<string, number> {
  const known = Object.entries(amounts).flatMap(([name, amount]) =>
    amount === undefined ? [] : [[name, usdNumber(amount)] as const],
  )
  return Object.fromEntries(known)
}

function largest(amounts: readonly Money[]): Money | undefined {
  return amounts.reduce<Money | undefined>(
    (max, amount) => (max === undefined || amount > max ? amount : max),
    undefined,
  )
}
