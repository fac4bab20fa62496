import { BrokerError } from '../../base/errors.ts'
import type { Caller } from '../../auth/caller.ts'
import type { Hop } from '../../cascade/hop/read-hop.ts'
import type { ExclusionLog } from '../../routing/endpoint-candidate.ts'
import type { Plan, RouteQuery } from '../../routing/route.ts'
import { NO_PREFERENCES } from '../../wire/openai/routing/provider-preferences.ts'
import type { RequestContext } from '../request/inference-request.ts'
import { explainExclusion } from '../services/access-policy.ts'
import { restrictionsOn, routingInput, type InferenceServices } from '../services/services.ts'
import { withNoAttempts } from '../execution/openrouter-metadata.ts'

/** The candidates of a request. Throws what routing throws, with the routing metadata where the caller wants it. */
export function selectCandidates(
  query: RouteQuery,
  context: RequestContext,
  services: InferenceServices,
): Plan {
  try {
    return selectFor(query, context.caller, services, { hop: context.hop })
  } catch (error) {
    throw error instanceof BrokerError ? withNoAttempts(error, context, query.requested.model) : error
  }
}

/** `route` with what this caller may use; its error states when the caller's access policy leaves no endpoint. */
export function selectFor(
  query: RouteQuery,
  caller: Caller,
  services: InferenceServices,
  { excluded, hop }: { readonly excluded?: ExclusionLog; readonly hop?: Hop | undefined } = {},
): Plan {
  try {
    const plan = services.route(query, routingInput(services, caller, hop), excluded)
    if (query.requested.preferences !== NO_PREFERENCES) prefetchRouterEndpoints(plan, services)
    return plan
  } catch (error) {
    const restrictions = restrictionsOn(services.accounting, caller, hop)
    throw explainExclusion(explainHops(error, hop), restrictions, services.providers())
  }
}

/** A request that may pass no further broker lacks the endpoints of mothers: that is the reason where none is left. */
function explainHops(error: unknown, hop: Hop | undefined): unknown {
  if (hop?.hopsLeft !== 0 || !(error instanceof BrokerError) || error.code !== 'none-fits') return error
  return new BrokerError(
    'cascade-loop',
    `${error.message} (after the brokers ${hop.path.join(' → ')} it may pass no further one)`,
    { cause: error },
  )
}

/** A request with provider preferences is likely to be followed by another, which needs to know the endpoints behind a router: they are fetched now. */
function prefetchRouterEndpoints(
  { candidates }: Plan,
  { routerEndpoints, providers }: InferenceServices,
): void {
  if (routerEndpoints === undefined) return
  for (const { provider, modelId } of candidates)
    if (providers().get(provider)?.speaksOpenRouter === true && !modelId.includes(':'))
      void routerEndpoints.endpointsOf(modelId)
}
