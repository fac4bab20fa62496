import { BrokerError } from '../base/errors.ts'
import type { Caller } from '../auth/caller.ts'
import type { LeftOut } from '../routing/endpoint-candidate.ts'
import type { Plan, RouteQuery } from '../routing/route.ts'
import { NO_PREFERENCES } from '../wire/openai/provider-preferences.ts'
import type { Asker } from './request/inference-request.ts'
import { explainPin } from './services/access-policy.ts'
import { surroundingsOf, type Rooms } from './services/services.ts'
import { withNoAttempts } from './execution/openrouter-metadata.ts'

/** The candidates of a request. Throws what routing throws, with the routing metadata where the caller wants it. */
export function routeAsked(query: RouteQuery, asker: Asker, rooms: Rooms): Plan {
  try {
    return routeFor(query, asker.caller, rooms)
  } catch (error) {
    throw error instanceof BrokerError ? withNoAttempts(error, asker, query.wishes.model) : error
  }
}

/** `route` with what this caller may use; its error states when the caller's access policy leaves no endpoint. */
export function routeFor(query: RouteQuery, caller: Caller, rooms: Rooms, leftOut?: LeftOut): Plan {
  try {
    const plan = rooms.route(query, surroundingsOf(rooms, caller), leftOut)
    if (query.wishes.preferences !== NO_PREFERENCES) lookBehind(plan, rooms)
    return plan
  } catch (error) {
    throw explainPin(error, rooms.limits.pinsOf(caller))
  }
}

/** A request with provider preferences is likely to be followed by another, which needs to know the endpoints behind a router: they are fetched now. */
function lookBehind({ candidates }: Plan, { behind, providers }: Rooms): void {
  if (behind === undefined) return
  for (const { provider, modelId } of candidates)
    if (providers().get(provider)?.speaksOpenRouter === true && !modelId.includes(':'))
      void behind.endpointsOf(modelId)
}
