import { BrokerError } from '../../base/errors.ts'
import type { Caller } from '../../auth/caller.ts'
import type { ExclusionLog } from '../../routing/endpoint-candidate.ts'
import type { Plan, RouteQuery } from '../../routing/route.ts'
import { NO_PREFERENCES } from '../../wire/openai/provider-preferences.ts'
import type { RequestContext } from '../request/inference-request.ts'
import { explainExclusion } from '../services/access-policy.ts'
import { routingInput, type InferenceServices } from '../services/services.ts'
import { withNoAttempts } from '../execution/openrouter-metadata.ts'

/** The candidates of a request. Throws what routing throws, with the routing metadata where the caller wants it. */
export function selectCandidates(
  query: RouteQuery,
  context: RequestContext,
  services: InferenceServices,
): Plan {
  try {
    return selectFor(query, context.caller, services)
  } catch (error) {
    throw error instanceof BrokerError ? withNoAttempts(error, context, query.requested.model) : error
  }
}

/** `route` with what this caller may use; its error states when the caller's access policy leaves no endpoint. */
export function selectFor(
  query: RouteQuery,
  caller: Caller,
  services: InferenceServices,
  excluded?: ExclusionLog,
): Plan {
  try {
    const plan = services.route(query, routingInput(services, caller), excluded)
    if (query.requested.preferences !== NO_PREFERENCES) prefetchRouterEndpoints(plan, services)
    return plan
  } catch (error) {
    throw explainExclusion(error, services.accounting.restrictionsFor(caller), services.providers())
  }
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
