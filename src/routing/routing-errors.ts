import { BrokerError } from '../base/errors.ts'
import type { Endpoint, ModelKind } from '../catalog/catalog.ts'
import type { Filter, FilterContext } from './filters.ts'
import type { Exclusion, EndpointCandidate } from './endpoint-candidate.ts'

/** How many endpoints were left after each filter that excluded some; OpenRouter's `routing_funnel`. */
export type Funnel = { readonly step: string; readonly endpoint_count: number }[]

/** An automatic choice can exclude hundreds; `POST /v1/explain` lists them all. */
const MAX_REASONS = 32

/** No endpoint matches the request: the error names the filter that excluded the last one, and the reasons for the others. */
export function noMatchingEndpoint(end: {
  readonly model: string
  readonly filter: Filter
  readonly context: FilterContext
  readonly funnel: Funnel
  readonly candidates: readonly EndpointCandidate[]
  readonly excluded: readonly Exclusion[]
}): BrokerError {
  const { preferences } = end.context.requested
  const requested = preferences.only ?? preferences.order
  // A feature that no configured provider has is an error of the request, not a lack of endpoints.
  const code = end.filter.step === 'Filter by Router Features' ? 'bad-request' : 'none-fits'
  return new BrokerError(code, end.filter.message(end.context), {
    details: {
      metadata: {
        failed_routing_step: end.filter.step,
        input_endpoint_count: end.candidates.length,
        routing_funnel: end.funnel,
        available_providers: [...new Set(end.candidates.map(({ endpoint }) => endpoint.provider))],
        ...(requested === undefined ? {} : { requested_providers: requested }),
        ineligibility_reasons: end.excluded.slice(0, MAX_REASONS).map(({ endpoint, reason }) => ({
          reason: `${endpoint.id} ${reason}`,
          endpoint_count: 1,
        })),
      },
    },
  })
}

/** The model exists, but none of its providers is configured. */
export function noConfiguredProvider(model: string, endpoints: readonly Endpoint[]): BrokerError {
  const providers = [...new Set(endpoints.map(({ provider }) => provider))]
  const keys = providers.map((provider) => `${provider.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_API_KEY`)
  return new BrokerError(
    'none-fits',
    `No endpoints found for ${model}. It is offered by ${providers.join(', ')}, none of which is configured: set ${keys.join(' or ')}`,
    {
      details: {
        metadata: {
          offered_by: providers,
          failed_routing_step: 'Filter by Configured Providers',
          input_endpoint_count: endpoints.length,
          routing_funnel: [{ step: 'Initial Endpoints', endpoint_count: endpoints.length }],
        },
      },
    },
  )
}

/** No configured provider has a model of this kind. */
export function noProviderForKind(kind: ModelKind): BrokerError {
  return new BrokerError(
    'none-fits',
    `No provider for ${kind} is configured: set a key such as OPENROUTER_API_KEY, then restart the broker`,
    { details: { metadata: { failed_routing_step: 'Filter by Model Kind' } } },
  )
}
