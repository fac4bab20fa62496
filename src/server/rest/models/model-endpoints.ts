import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AdminServices } from '../../../inference/services/services.ts'
import { offeredTo } from '../../../inference/services/offered.ts'
import { authenticate } from '../../http/authenticate.ts'
import type { Endpoint, Model } from '../../../catalog/catalog.ts'
import { architectureOf, slugOf } from './model-json.ts'
import { parametersTakenAt, supportedParametersOf } from './supported-parameters.ts'
import { pricingOf } from './pricing-json.ts'

const MINUTE_MS = 60_000

/** The endpoints of a model with their measured performance, including those that OpenRouter offers in its turn. */
export async function modelEndpoints(
  model: Model,
  services: AdminServices,
): Promise<Record<string, unknown>> {
  const own = offered(model, services)
  const there = own.find(({ provider }) => provider === 'openrouter')
  const behind = there === undefined ? [] : await services.modelLists.endpointsOf(there.modelId)
  return {
    id: model.id,
    name: model.displayName,
    created: model.listing?.created ?? 0,
    description: model.listing?.description ?? '',
    architecture: architectureOf(model),
    endpoints: [...own.map((endpoint) => endpointRow(model, endpoint, services)), ...behind],
  }
}

/** `GET /endpoints/zdr`: the endpoints that retain no prompts (zero data retention). */
export function getZdrEndpoints(
  request: FastifyRequest,
  _reply: FastifyReply,
  services: AdminServices,
): object {
  const { catalog } = offeredTo(authenticate(request), services)
  const data = [...catalog.models.values()].flatMap((model) =>
    offered(model, services)
      .filter(({ provider }) => services.providers().get(provider)?.privacy?.retains === false)
      .map((endpoint) => endpointRow(model, endpoint, services)),
  )
  return { data }
}

function offered(model: Model, { providers }: AdminServices): readonly Endpoint[] {
  return model.endpoints.filter(({ provider }) => providers().has(provider))
}

function endpointRow(
  model: Model,
  endpoint: Endpoint,
  { providers, endpointStats }: AdminServices,
): Record<string, unknown> {
  const provider = providers().get(endpoint.provider)?.displayName ?? endpoint.provider
  const slug = slugOf(model)
  const measured = endpointStats.of(endpoint.id)
  const uptime = (minutes: number): number | null =>
    endpointStats.uptime(endpoint.id, minutes * MINUTE_MS) ?? null
  return {
    name: `${provider} | ${slug}`,
    model_id: model.id,
    model_name: model.displayName,
    // 0 when unknown: clients require a number.
    context_length: endpoint.contextWindow ?? 0,
    pricing: { ...pricingOf(endpoint.price), discount: 0 },
    provider_name: provider,
    tag: endpoint.provider,
    quantization: endpoint.quantization ?? null,
    max_completion_tokens: endpoint.maxOutputTokens ?? null,
    max_prompt_tokens: null,
    supported_parameters: parametersTakenAt(model, endpoint, providers()),
    status: 0,
    uptime_last_5m: uptime(5),
    uptime_last_30m: uptime(30),
    uptime_last_1d: uptime(24 * 60),
    supports_implicit_caching: endpoint.price?.cachedInput !== undefined,
    supports_voice_cloning: false,
    supports_tool_choice: toolChoiceOf(model),
    latency_last_30m: measured?.latency ?? null,
    throughput_last_30m: measured?.throughput ?? null,
  }
}

function toolChoiceOf(model: Model): Record<string, boolean> {
  const can = supportedParametersOf(model).includes('tool_choice')
  return { auto: can, function: can, none: can, required: can }
}
