import type { Caller } from '../contexts/caller.ts'
import type { Plan, RouteQuery } from '../routing/route.ts'
import { explainPin } from './pinned.ts'
import { surroundingsOf, type Rooms } from './rooms.ts'

/** `route` with what this caller may use; an error says when it is the pin that leaves nothing. */
export function routeFor(query: RouteQuery, caller: Caller, rooms: Rooms): Plan {
  try {
    return rooms.route(query, surroundingsOf(rooms, caller))
  } catch (error) {
    throw explainPin(error, rooms.limits.pinsOf(caller))
  }
}
