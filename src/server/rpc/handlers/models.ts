import { BrokerError } from '../../../base/errors.ts'
import { parseUsd, usdText, type Money } from '../../../base/money.ts'
import { truncate } from '../../../base/text.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import type { Allowed } from '../../../inference/services/access-policy.ts'
import { offeredTo, offeredToAll, requestableBy } from '../../../inference/services/offered.ts'
import type { Catalog, Endpoint, Model, Price, Rates } from '../../../catalog/catalog.ts'
import { findByName, isAvailable, nearestNames } from '../../../catalog/find-model.ts'
import type { Provider } from '../../../providers/provider.ts'
import type { Params, Result } from '../../../wire/rpc/methods.ts'
import type { HandlersOf } from '../calls/handler-types.ts'

export function modelsHandlers(
  services: AdminServices,
): HandlersOf<'models.list' | 'models.get' | 'models.refresh'> {
  return {
    'models.list': async (params, caller) =>
      listModels(params, caller.role === 'admin' ? offeredToAll(services) : offeredTo(caller, services)),
    'models.get': async ({ model: name }, caller) => {
      const { catalog, providers } =
        caller.role === 'admin'
          ? { catalog: services.catalog(), providers: services.providers() }
          : requestableBy(caller, services)
      const found = findByName(catalog, name)
      if (found === undefined) throw noSuchModel(name, catalog)
      return modelRow(found.model, providers)
    },
    'models.refresh': async () => [...(await services.modelLists.refresh())],
  }
}

function noSuchModel(name: string, catalog: Catalog): BrokerError {
  const suggestions = nearestNames(catalog, name, 3).map((near) => `“${near}”`)
  const hint =
    suggestions.length === 0 ? 'models.list has them all' : `did you mean ${suggestions.join(' or ')}?`
  return new BrokerError('no-such-model', `there is no model “${truncate(name)}” here; ${hint}`)
}

function listModels(params: Params<'models.list'>, { catalog, providers }: Allowed): Result<'models.list'> {
  const words = (params.search ?? '').toLowerCase().split(/\s+/).filter(Boolean)
  const maxInputPrice =
    params.input_usd_at_most === undefined ? undefined : parseUsd(params.input_usd_at_most)
  const fits = (model: Model): boolean =>
    words.every((word) => `${model.id} ${model.displayName}`.toLowerCase().includes(word)) &&
    (params.kind === undefined || model.kind === params.kind) &&
    (params.capability === undefined || model.capabilities.includes(params.capability)) &&
    (params.provider === undefined || model.endpoints.some(({ provider }) => provider === params.provider)) &&
    (model.contextWindow ?? 0) >= (params.context_at_least ?? 0) &&
    (maxInputPrice === undefined ||
      model.endpoints.some(({ price }) => (price?.input ?? maxInputPrice + 1n) <= maxInputPrice)) &&
    (params.available === undefined || isAvailable(model, providers) === params.available)
  return [...catalog.models.values()].filter(fits).map((model) => modelRow(model, providers))
}

function modelRow(model: Model, providers: ReadonlyMap<string, Provider>): Result<'models.list'>[number] {
  return {
    id: model.id,
    display_name: model.displayName,
    kind: model.kind,
    tier: model.tier,
    capabilities: [...model.capabilities],
    ...limits(model),
    available: isAvailable(model, providers),
    endpoints: model.endpoints.map((endpoint) => endpointRow(endpoint, providers)),
  }
}

function endpointRow(
  endpoint: Endpoint,
  providers: ReadonlyMap<string, Provider>,
): Result<'models.list'>[number]['endpoints'][number] {
  return {
    id: endpoint.id,
    provider: endpoint.provider,
    model_id: endpoint.modelId,
    priority: endpoint.priority,
    available: providers.has(endpoint.provider),
    ...limits(endpoint),
    ...(endpoint.price === undefined ? {} : priceRow(endpoint.price)),
  }
}

function limits({ contextWindow, maxOutputTokens }: Model | Endpoint): {
  context_window?: number
  max_output_tokens?: number
} {
  return {
    ...(contextWindow === undefined ? {} : { context_window: contextWindow }),
    ...(maxOutputTokens === undefined ? {} : { max_output_tokens: maxOutputTokens }),
  }
}

function priceRow(price: Price) {
  return {
    ...ratesRow(price),
    ...usd({ request_usd: price.perRequest, image_usd: price.perImage }),
    ...usd({ characters_usd_per_million: price.characters, hours_usd_per_million: price.hours }),
    ...(price.tiers === undefined
      ? {}
      : {
          tiers: price.tiers.map((tier) => ({
            above_input_tokens: tier.aboveInputTokens,
            ...ratesRow(tier),
          })),
        }),
    ...(price.source === undefined ? {} : { price_source: price.source }),
    ...(price.date === undefined ? {} : { price_date: price.date }),
    ...(price.note === undefined ? {} : { price_note: price.note }),
  }
}

function ratesRow(rates: Rates): WireRates {
  return usd({
    input_usd_per_million: rates.input,
    output_usd_per_million: rates.output,
    cached_input_usd_per_million: rates.cachedInput,
    cache_write_usd_per_million: rates.cacheWrite,
    reasoning_usd_per_million: rates.reasoning,
    audio_input_usd_per_million: rates.audioInput,
    audio_output_usd_per_million: rates.audioOutput,
    image_usd_per_million: rates.image,
  })
}

/** The known amounts as decimal strings, under names of amounts in the contract. */
function usd<F extends AmountField>(amounts: { readonly [N in F]: Money | undefined }): {
  [N in F]?: string
} {
  const wire: { [N in F]?: string } = {}
  for (const name of Object.keys(amounts) as F[]) {
    const amount = amounts[name]
    if (amount !== undefined) wire[name] = usdText(amount)
  }
  return wire
}

type WireEndpoint = Result<'models.list'>[number]['endpoints'][number]
type WireRates = Omit<NonNullable<WireEndpoint['tiers']>[number], 'above_input_tokens'>
type AmountField = Extract<keyof WireEndpoint, `${string}usd${string}`>
