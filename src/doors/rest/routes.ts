import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Rooms } from '../../broker/rooms.ts'
import { getBillingExport, getBillingUsage, getBillingUsageOf } from './billing.ts'
import { postChatCompletions } from './chat-completions.ts'
import { listModels } from './models.ts'

type Handle = (request: FastifyRequest, reply: FastifyReply, rooms: Rooms) => unknown

interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly handle: Handle
}

/** What is served below `/v1` and `/api/v1`. */
const API_ROUTES: readonly Route[] = [
  { method: 'POST', path: '/chat/completions', handle: postChatCompletions },
  {
    method: 'GET',
    path: '/models',
    handle: (_request, _reply, rooms) => listModels(rooms.catalog(), rooms.providers()),
  },
]

/** What is served at the root. */
const ROOT_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/billing/usage', handle: getBillingUsage },
  { method: 'GET', path: '/billing/usage/:ip', handle: getBillingUsageOf },
  { method: 'GET', path: '/billing/export.csv', handle: getBillingExport },
  { method: 'GET', path: '/billing/export.json', handle: getBillingExport },
]

/** Adds the REST routes to a door. `prefixes` are the base paths that clients may use. */
export function addRestRoutes(door: FastifyInstance, rooms: Rooms, prefixes: readonly string[]): void {
  for (const route of ROOT_ROUTES) add(door, route, route.path, rooms)
  for (const prefix of prefixes) for (const route of API_ROUTES) add(door, route, prefix + route.path, rooms)
}

/** `rest.sock` and TCP. */
export const REST_PREFIXES = ['/v1', '/api/v1']
/** `web_v1.sock`: Hero's router strips `/v1` before it passes a request on. */
export const WEB_PREFIXES = [...REST_PREFIXES, '']

function add(door: FastifyInstance, { method, handle }: Route, url: string, rooms: Rooms): void {
  door.route({ method, url, handler: (request, reply) => handle(request, reply, rooms) })
}
