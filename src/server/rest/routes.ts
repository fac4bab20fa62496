import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Rooms } from '../../inference/services/services.ts'
import type { DoorReply, DoorRequest } from '../http/node/request-types.ts'
import { addShort, onceIn, type ShortRoute } from '../http/fast-path.ts'
import { getCredits, getKey } from './account/credits-and-key.ts'
import { getBillingExport, getBillingUsage, getBillingUsageOf } from './account/billing-usage.ts'
import { postChatCompletions } from './inference/chat-completions.ts'
import { postCompletions } from './inference/completions.ts'
import { postEmbeddings } from './inference/embeddings.ts'
import { createBodyReader, type BodyReader } from './inference/respond.ts'
import { postExplain, postQuote } from './inference/explain.ts'
import { getGeneration } from './account/generation.ts'
import { getZdrEndpoints } from './models/model-endpoints.ts'
import { MODEL_FILTERS } from './models/model-filters.ts'
import { getEmbeddingModels, getModel, getModels, getModelsBelow, getModelsCount } from './models/models.ts'
import { getProviders } from './models/providers.ts'

type Handle = (request: FastifyRequest, reply: FastifyReply, rooms: Rooms, readBody: BodyReader) => unknown
/** Puts something before the routes that ask a model. */
type Around = (handle: ShortRoute['handle']) => ShortRoute['handle']
type AskHandle = (request: DoorRequest, reply: DoorReply, rooms: Rooms, readBody: BodyReader) => Promise<void>

interface RoutePlan {
  readonly path: string
  /** One sentence for people, without its full stop. */
  readonly summary: string
  /** How people write the path where a pattern says too little. */
  readonly shown?: string | undefined
  /** Names of the query parameters that it looks at. */
  readonly query?: readonly string[] | undefined
}

interface UsualRoute extends RoutePlan {
  readonly method: 'GET' | 'POST'
  readonly handle: Handle
}

/** Has a model answer: what nearly all requests are for, so it takes the short way. */
interface AskRoute extends RoutePlan {
  readonly method: 'POST'
  readonly ask: AskHandle
}

type Route = UsualRoute | AskRoute

const PERIOD = ['since', 'until', 'context']
const LISTING = [...MODEL_FILTERS, 'sort', 'offset', 'limit']

/** What is served below `/v1` and `/api/v1`. */
export const API_ROUTES: readonly Route[] = [
  {
    method: 'POST',
    path: '/chat/completions',
    ask: postChatCompletions,
    summary: 'A chat, plain or with `stream: true` as server-sent events',
  },
  {
    method: 'POST',
    path: '/completions',
    ask: postCompletions,
    summary: 'A text that goes on from `prompt`, plain or streamed',
  },
  { method: 'POST', path: '/embeddings', ask: postEmbeddings, summary: 'Texts as vectors' },
  {
    method: 'POST',
    path: '/explain',
    handle: postExplain,
    summary: 'Whom a chat request would go to, in which order, and who is left out and why; nobody is asked',
  },
  {
    method: 'POST',
    path: '/quote',
    handle: postQuote,
    summary: 'What a chat request is expected to cost, and the most that it can; nobody is asked',
  },
  {
    method: 'GET',
    path: '/models',
    handle: getModels,
    summary: 'The models that can be asked for now, for OpenAI’s and OpenRouter’s clients',
    query: LISTING,
  },
  {
    method: 'GET',
    path: '/models/user',
    handle: getModels,
    summary: 'The same under OpenRouter’s other name',
    query: LISTING,
  },
  {
    method: 'GET',
    path: '/models/count',
    handle: getModelsCount,
    summary: 'How many there are',
    query: MODEL_FILTERS,
  },
  {
    method: 'GET',
    path: '/models/*',
    shown: '/models/{id}` and `/models/{author}/{slug}/endpoints',
    handle: getModelsBelow,
    summary: 'One model; or who offers it here, at what price, and how they have been doing',
  },
  {
    method: 'GET',
    path: '/model/*',
    shown: '/model/{author}/{slug}',
    handle: getModel,
    summary: 'One model in OpenRouter’s form',
  },
  {
    method: 'GET',
    path: '/embeddings/models',
    handle: getEmbeddingModels,
    summary: 'The models that make vectors',
    query: LISTING,
  },
  {
    method: 'GET',
    path: '/providers',
    handle: getProviders,
    summary: 'Who can be asked here, under the names that `provider.order` takes',
  },
  {
    method: 'GET',
    path: '/endpoints/zdr',
    handle: getZdrEndpoints,
    summary: 'The endpoints that keep nothing of what they are told',
  },
  {
    method: 'GET',
    path: '/generation',
    handle: getGeneration,
    summary: 'One request of the caller’s own, as the ledger has it',
    query: ['id'],
  },
  {
    method: 'GET',
    path: '/credits',
    handle: getCredits,
    summary:
      'What the caller has spent, and that plus what its budgets leave (without one, nothing is implied)',
  },
  {
    method: 'GET',
    path: '/key',
    handle: getKey,
    summary: 'The caller, seen as the key that OpenRouter’s users have: usage, limit, what remains',
  },
  { method: 'GET', path: '/auth/key', handle: getKey, summary: 'The same under its older name' },
]

/** What is served at the root. */
export const ROOT_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/billing/usage',
    handle: getBillingUsage,
    summary: 'What every address spent, the dearest first',
    query: PERIOD,
  },
  {
    method: 'GET',
    path: '/billing/usage/:ip',
    shown: '/billing/usage/{ip}',
    handle: getBillingUsageOf,
    summary: 'What one address spent, per model, context and day',
    query: PERIOD,
  },
  {
    method: 'GET',
    path: '/billing/export.csv',
    handle: getBillingExport,
    summary: 'Every row, newest first; for administrators',
    query: [...PERIOD, 'ip'],
  },
  {
    method: 'GET',
    path: '/billing/export.json',
    handle: getBillingExport,
    summary: 'The same as JSON',
    query: [...PERIOD, 'ip'],
  },
]

/**
 * Adds the REST routes to a door. `prefixes` are the base paths that clients may use; `around` stands before the routes
 * that ask a model.
 */
export function addRestRoutes(
  door: FastifyInstance,
  rooms: Rooms,
  prefixes: readonly string[],
  around: Around = (handle) => handle,
): void {
  const parts = { rooms, readBody: createBodyReader(), around }
  for (const route of ROOT_ROUTES) add(door, route, route.path, parts)
  for (const prefix of prefixes) for (const route of API_ROUTES) add(door, route, prefix + route.path, parts)
}

/** `rest.sock` and TCP. */
export const REST_PREFIXES = ['/v1', '/api/v1']
/** `web_v1.sock`: Hero's router strips `/v1` before it passes a request on. */
export const WEB_PREFIXES = [...REST_PREFIXES, '']

interface RouteParts {
  readonly rooms: Rooms
  readonly readBody: BodyReader
  readonly around: Around
}

function add(
  door: FastifyInstance,
  route: Route,
  url: string,
  { rooms, readBody, around }: RouteParts,
): void {
  const enter = (): (() => void) => rooms.admission.enter()
  if ('ask' in route) {
    const { ask } = route
    addShort(door, url, { enter, handle: around((request, reply) => ask(request, reply, rooms, readBody)) })
    return
  }
  const { method, handle } = route
  door.route({
    method,
    url,
    // What only reads is answered however busy the broker is.
    ...(method === 'POST' && { onRequest: onceIn(enter) }),
    handler: (request, reply) => handle(request, reply, rooms, readBody),
  })
}
