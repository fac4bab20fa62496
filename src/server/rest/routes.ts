import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Services } from '../../inference/services/services.ts'
import type { HttpReply, HttpRequest } from '../http/node/request-types.ts'
import { addInferenceRoute, admissionHook, type FastRoute } from '../http/fast-path.ts'
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

type Handle = (
  request: FastifyRequest,
  reply: FastifyReply,
  services: Services,
  readBody: BodyReader,
) => unknown
/** Wraps the handlers of inference routes. */
type Wrapper = (handle: FastRoute['handle']) => FastRoute['handle']
type InferenceRouteHandler = (
  request: HttpRequest,
  reply: HttpReply,
  services: Services,
  readBody: BodyReader,
) => Promise<void>

interface RoutePlan {
  readonly path: string
  /** One sentence for the documentation, without its full stop. */
  readonly summary: string
  /** The path in the documentation, where the pattern says too little. */
  readonly shown?: string | undefined
  /** Names of the query parameters that it reads. */
  readonly query?: readonly string[] | undefined
}

interface PlainRoute extends RoutePlan {
  readonly method: 'GET' | 'POST'
  readonly handle: Handle
}

/** Calls a model, like nearly all requests, and so takes the fast path. */
interface InferenceRoute extends RoutePlan {
  readonly method: 'POST'
  readonly infer: InferenceRouteHandler
}

type Route = PlainRoute | InferenceRoute

const PERIOD = ['since', 'until', 'context']
const LISTING = [...MODEL_FILTERS, 'sort', 'offset', 'limit']

/** The routes below `/v1` and `/api/v1`. */
export const API_ROUTES: readonly Route[] = [
  {
    method: 'POST',
    path: '/chat/completions',
    infer: postChatCompletions,
    summary: 'A chat, plain or with `stream: true` as server-sent events',
  },
  {
    method: 'POST',
    path: '/completions',
    infer: postCompletions,
    summary: 'A completion of the text in `prompt`, plain or streamed',
  },
  { method: 'POST', path: '/embeddings', infer: postEmbeddings, summary: 'Texts as vectors' },
  {
    method: 'POST',
    path: '/explain',
    handle: postExplain,
    summary:
      'The endpoints that a request would try, in order, and those excluded, with the reason; no provider is called',
  },
  {
    method: 'POST',
    path: '/quote',
    handle: postQuote,
    summary: 'The expected and the maximum cost of a request; no provider is called',
  },
  {
    method: 'GET',
    path: '/models',
    handle: getModels,
    summary: 'The models that the caller may request now, for OpenAI’s and OpenRouter’s clients',
    query: LISTING,
  },
  {
    method: 'GET',
    path: '/models/user',
    handle: getModels,
    summary: '`/models` under OpenRouter’s other name',
    query: LISTING,
  },
  {
    method: 'GET',
    path: '/models/count',
    handle: getModelsCount,
    summary: 'The number of models that the caller may request now',
    query: MODEL_FILTERS,
  },
  {
    method: 'GET',
    path: '/models/*',
    shown: '/models/{id}` and `/models/{author}/{slug}/endpoints',
    handle: getModelsBelow,
    summary: 'One model; or its endpoints here, with their prices and measured performance',
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
    summary: 'The models that create embeddings',
    query: LISTING,
  },
  {
    method: 'GET',
    path: '/providers',
    handle: getProviders,
    summary: 'The configured providers that the caller may use, under the names that `provider.order` takes',
  },
  {
    method: 'GET',
    path: '/endpoints/zdr',
    handle: getZdrEndpoints,
    summary: 'The endpoints that retain no prompts (zero data retention)',
  },
  {
    method: 'GET',
    path: '/generation',
    handle: getGeneration,
    summary: 'One of the caller’s own requests (same address, context and token), from the ledger',
    query: ['id'],
  },
  {
    method: 'GET',
    path: '/credits',
    handle: getCredits,
    summary:
      'What the caller (address, context and token) has spent, and that sum plus what its tightest budget leaves (without a budget both are equal)',
  },
  {
    method: 'GET',
    path: '/key',
    handle: getKey,
    summary: 'The caller in the form of an OpenRouter key: usage, limit, remainder',
  },
  { method: 'GET', path: '/auth/key', handle: getKey, summary: '`/key` under its older name' },
]

/** The routes at the root. */
export const ROOT_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/billing/usage',
    handle: getBillingUsage,
    summary: 'What every address spent, the highest first; for administrators',
    query: PERIOD,
  },
  {
    method: 'GET',
    path: '/billing/usage/:ip',
    shown: '/billing/usage/{ip}',
    handle: getBillingUsageOf,
    summary: 'What one address spent, per model, context and day; for administrators',
    query: PERIOD,
  },
  {
    method: 'GET',
    path: '/billing/export.csv',
    handle: getBillingExport,
    summary: 'Every ledger entry as CSV, newest first; for administrators',
    query: [...PERIOD, 'ip'],
  },
  {
    method: 'GET',
    path: '/billing/export.json',
    handle: getBillingExport,
    summary: 'Every ledger entry as JSON, newest first; for administrators',
    query: [...PERIOD, 'ip'],
  },
]

/**
 * Adds the REST routes to a server. `prefixes` are the base paths that clients may use; `wrap` wraps the handlers of
 * inference routes.
 */
export function addRestRoutes(
  server: FastifyInstance,
  services: Services,
  prefixes: readonly string[],
  wrap: Wrapper = (handle) => handle,
): void {
  const parts = { services, readBody: createBodyReader(), wrap }
  for (const route of ROOT_ROUTES) add(server, route, route.path, parts)
  for (const prefix of prefixes)
    for (const route of API_ROUTES) add(server, route, prefix + route.path, parts)
}

/** Base paths on `rest.sock` and TCP. */
export const REST_PREFIXES = ['/v1', '/api/v1']
/** Base paths on `web_v1.sock`: Hero's router strips `/v1` before it passes a request on. */
export const WEB_PREFIXES = [...REST_PREFIXES, '']

interface RouteParts {
  readonly services: Services
  readonly readBody: BodyReader
  readonly wrap: Wrapper
}

function add(
  server: FastifyInstance,
  route: Route,
  url: string,
  { services, readBody, wrap }: RouteParts,
): void {
  const admit = (): (() => void) => services.concurrencyLimit.acquire()
  if ('infer' in route) {
    const { infer } = route
    addInferenceRoute(server, url, {
      admit,
      handle: wrap((request, reply) => infer(request, reply, services, readBody)),
    })
    return
  }
  const { method, handle } = route
  server.route({
    method,
    url,
    // Requests that only read are served however busy the broker is.
    ...(method === 'POST' && { onRequest: admissionHook(admit) }),
    handler: (request, reply) => handle(request, reply, services, readBody),
  })
}
