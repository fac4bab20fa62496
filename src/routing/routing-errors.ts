import { BrokerError } from '../base/errors.ts'
import type { Endpoint, ModelKind } from '../catalog/catalog.ts'
import type { Filter, FilterContext } from './filters.ts'
import type { Exclusion, Offer } from './endpoint-candidate.ts'

/** How many endpoints were left after each step that took some away; OpenRouter's `routing_funnel`. */
export type Funnel = { readonly step: string; readonly endpoint_count: number }[]

/** An automatic choice can leave out hundreds; `POST /v1/explain` names them all. */
const MOST_REASONS = 32

/** Nothing fits the request: says which condition took the last endpoint away, and who fell where. */
export function noneLeft(end: {
  readonly model: string
  readonly filter: Filter
  readonly context: FilterContext
  readonly funnel: Funnel
  readonly offers: readonly Offer[]
  readonly excluded: readonly Exclusion[]
}): BrokerError {
  const { preferences } = end.context.wishes
  const requested = preferences.only ?? preferences.order
  // A feature that nobody here has is the request's fault, not a lack of endpoints.
  const code = end.filter.step === 'Filter by Router Features' ? 'bad-request' : 'none-fits'
  return new BrokerError(code, end.filter.message(end.context), {
    details: {
      metadata: {
        failed_routing_step: end.filter.step,
        input_endpoint_count: end.offers.length,
        routing_funnel: end.funnel,
        available_providers: [...new Set(end.offers.map(({ endpoint }) => endpoint.provider))],
        ...(requested === undefined ? {} : { requested_providers: requested }),
        ineligibility_reasons: end.excluded.slice(0, MOST_REASONS).map(({ endpoint, reason }) => ({
          reason: `${endpoint.id} ${reason}`,
          endpoint_count: 1,
        })),
      },
    },
  })
}

/** The model exists, but nobody who offers it is set up here. */
export function noProvider(model: string, endpoints: readonly Endpoint[]): BrokerError {
  const providers = [...new Set(endpoints.map(({ provider }) => provider))]
  const keys = providers.map((provider) => `${provider.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_API_KEY`)
  return new BrokerError(
    'none-fits',
    `No endpoints found for ${model}. It is offered by ${providers.join(', ')}, of which none is set up here: set ${keys.join(' or ')}`,
    {
      details: {
        metadata: {
          failed_routing_step: 'Filter by Configured Providers',
          input_endpoint_count: endpoints.length,
          routing_funnel: [{ step: 'Initial Endpoints', endpoint_count: endpoints.length }],
        },
      },
    },
  )
}

export function nothingConfigured(kind: ModelKind): BrokerError {
  return new BrokerError(
    'none-fits',
    `No provider for ${kind} is set up here: set a key such as OPENROUTER_API_KEY, then restart the broker`,
  )
}
