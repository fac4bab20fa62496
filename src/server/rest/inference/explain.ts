import type { FastifyReply, FastifyRequest } from 'fastify'
import { authenticate } from '../../http/authenticate.ts'
import { BrokerError } from '../../../base/errors.ts'
import { usdNumber, type Money } from '../../../base/money.ts'
import { explain, type QuotedCandidate, type Explanation } from '../../../inference/explain.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import type { Usage } from '../../../ledger/types.ts'
import { renderError } from '../../http/errors/error-response.ts'
import type { BodyReader } from './route-parts.ts'
import { pricingOf } from '../models/pricing-json.ts'
import { readExplainRequest } from './media/explain-request.ts'

/**
 * `POST /explain`: takes the JSON body of any request to a model and calls no provider. Returns every candidate in the order in
 * which it would be tried, and every excluded endpoint with the reason.
 */
export async function postExplain(
  request: FastifyRequest,
  _reply: FastifyReply,
  services: AdminServices,
  readBody: BodyReader,
): Promise<object> {
  const inquiry = await readExplainRequest(readBody(request), kindAskedFor(request), services)
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
export async function postQuote(
  request: FastifyRequest,
  _reply: FastifyReply,
  services: AdminServices,
  readBody: BodyReader,
): Promise<object> {
  const inquiry = await readExplainRequest(readBody(request), kindAskedFor(request), services)
  const { candidates, error } = explain(inquiry, authenticate(request), services)
  if (error !== undefined) throw error
  const [first] = candidates
  if (first === undefined) throw new BrokerError('none-fits', 'no endpoint can serve this request')
  const max = candidates.flatMap(({ quote }) => quote.maxCost ?? [])
  return {
    model: inquiry.routing.model,
    endpoint: first.endpoint.id,
    ...usageJson(first.quote.usage),
    ...usd({ expected_usd: first.quote.expected, most_usd: largest(max) }),
    unpriced: candidates.some(({ quote }) => quote.maxCost === undefined),
    candidates: candidates.map((candidate) => candidateRow(candidate, services)),
  }
}

function skippedModelJson({ model, error }: Explanation['excludedModels'][number]): object {
  return { model, reason: error.message }
}

/** The tokens, and the other units where the price has them. */
function usageJson({ prompt, completion, ...units }: Usage): object {
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    characters: units.characters,
    sound_seconds: units.soundMs === undefined ? undefined : units.soundMs / 1000,
    search_units: units.searchUnits,
    images: units.madeImages,
  }
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

/** The query parameter `kind`, for a body that may be of several kinds. */
function kindAskedFor({ query }: FastifyRequest): unknown {
  return (query as Readonly<Record<string, unknown>>)['kind']
}
