// A stored response is a request like any other, at no cost: the rules of its caller apply before it is sent again.
import { BrokerError } from '../base/errors.ts'
import { usdText } from '../base/money.ts'
import type { Caller } from '../auth/caller.ts'
import type { LimitAdmission } from '../limits/limits.ts'
import type { RouteQuery } from '../routing/route.ts'
import { selectFor } from './candidates/select-candidates.ts'
import { countRefusal } from './admission/refusal-counter.ts'
import { mayUseEndpoint } from './services/access-policy.ts'
import type { InferenceServices, ReplayServices } from './services/services.ts'

/** A request that a stored response may answer. */
export interface ReplayRequest {
  readonly caller: Caller
  readonly query: Pick<RouteQuery, 'kind' | 'requested'>
}

/**
 * Admits a repeat of a request, or throws: what routing throws where the caller's pins leave no endpoint, `over-limit`, and
 * `over-budget` where a budget is exceeded. A budget that is just used up admits it, because it costs nothing.
 */
export function admitReplay(
  request: ReplayRequest,
  services: InferenceServices,
  { limits }: ReplayServices,
): LimitAdmission {
  try {
    return admitted(request, services, limits)
  } catch (error) {
    countRefusal(services.refusals, request.caller, error)
    throw error
  }
}

function admitted(
  { caller, query }: ReplayRequest,
  services: InferenceServices,
  limits: ReplayServices['limits'],
): LimitAdmission {
  const { strategy } = services
  // Without restrictions a response outlives its provider.
  if (limits.restrictionsFor(caller).length > 0) selectFor({ ...query, strategy }, caller, services)
  for (const { name, period, max, spent } of limits.budgetStatus(caller))
    if (spent > max)
      throw new BrokerError(
        'over-budget',
        `${name} has spent $${usdText(spent)} of its $${usdText(max)} ${period === 'total' ? 'in total' : `this ${period}`}; have the budget raised`,
      )
  return limits.admit(caller, 0)
}

/** Throws `none-fits` when the caller may not use the endpoint that gave a stored response, such as a fallback. */
export function permitStoredResponse(
  id: string,
  caller: Caller,
  { catalog, providers }: Pick<InferenceServices, 'catalog' | 'providers'>,
  { ledger, limits }: ReplayServices,
): void {
  const restrictions = limits.restrictionsFor(caller)
  if (restrictions.length === 0) return
  const endpoint = catalog().endpoints.get(ledger.find(id)?.endpoint ?? '')
  if (endpoint === undefined || mayUseEndpoint(endpoint, providers(), restrictions)) return
  throw new BrokerError(
    'none-fits',
    `the stored response came from ${endpoint.id}, which this caller may not use any more; send the request anew`,
  )
}
