import type { Caller } from '../contexts/caller.ts'
import type { LeftOut } from '../routing/offer.ts'
import { route, type Plan, type RouteQuery } from '../routing/route.ts'
import { explainPin } from './pinned.ts'
import { surroundingsOf, type Rooms } from './rooms.ts'

/** `route` with what this caller may use; an error says when it is the pin that leaves nothing. */
export function routeFor(query: RouteQuery, caller: Caller, rooms: Rooms, leftOut?: LeftOut): Plan {
  try {
    return route(query, surroundingsOf(rooms, caller), leftOut)
  } catch (error) {
    throw explainPin(error, rooms.limits.pinsOf(caller))
  }
}
