import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Rooms } from '../../broker/rooms.ts'
import { getCredits, getKey } from './account.ts'
import { getBillingExport, getBillingUsage, getBillingUsageOf } from './billing.ts'
import { postChatCompletions } from './chat-completions.ts'
import { postCompletions } from './completions.ts'
import { postEmbeddings } from './embeddings.ts'
import { postExplain, postQuote } from './explain.ts'
import { getGeneration } from './generation.ts'
import { getZdrEndpoints } from './model-endpoints.ts'
import { getEmbeddingModels, getModel, getModels, getModelsBelow, getModelsCount } from './models.ts'
import { getProviders } from './providers.ts'

type Handle = (request: FastifyRequest, reply: FastifyReply, rooms: Rooms) => unknown

interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly handle: Handle
}

/** What is served below `/v1` and `/api/v1`. */
const API_ROUTES: readonly Route[] = [
  { method: 'POST', path: '/chat/completions', handle: postChatCompletions },
  { method: 'POST', path: '/completions', handle: postCompletions },
  { method: 'POST', path: '/embeddings', handle: postEmbeddings },
  { method: 'POST', path: '/explain', handle: postExplain },
  { method: 'POST', path: '/quote', handle: postQuote },
  { method: 'GET', path: '/models', handle: getModels },
  { method: 'GET', path: '/models/user', handle: getModels },
  { method: 'GET', path: '/models/count', handle: getModelsCount },
  { method: 'GET', path: '/models/*', handle: getModelsBelow },
  { method: 'GET', path: '/model/*', handle: getModel },
  { method: 'GET', path: '/embeddings/models', handle: getEmbeddingModels },
  { method: 'GET', path: '/providers', handle: getProviders },
  { method: 'GET', path: '/endpoints/zdr', handle: getZdrEndpoints },
  { method: 'GET', path: '/generation', handle: getGeneration },
  { method: 'GET', path: '/credits', handle: getCredits },
  { method: 'GET', path: '/key', handle: getKey },
  { method: 'GET', path: '/auth/key', handle: getKey },
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
  door.route({
    method,
    url,
    onRequest: (_request, reply, done) => {
      // What only reads is answered however busy the broker is.
      if (method === 'POST') reply.raw.once('close', rooms.admission.enter())
      done()
    },
    handler: (request, reply) => handle(request, reply, rooms),
  })
}
