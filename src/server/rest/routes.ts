import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AdminServices, HttpServices } from '../../inference/services/services.ts'
import { anthropicMessages } from '../../dialects/anthropic/anthropic.ts'
import { geminiContent } from '../../dialects/gemini/gemini.ts'
import type { ClientDialect } from '../../dialects/client-dialect.ts'
import { openAiResponses } from '../../dialects/responses/responses.ts'
import { countRefusal } from '../../inference/admission/refusal-counter.ts'
import { authenticate } from '../http/authenticate.ts'
import type { HttpReply, HttpRequest } from '../http/node/request-types.ts'
import type { ErrorRenderer } from '../http/errors/error-response.ts'
import { addInferenceRoute, admissionHook, type FastRoute } from '../http/fast-path.ts'
import { getCredits, getKey } from './account/credits-and-key.ts'
import { getBillingExport, getBillingUsage, getBillingUsageOf } from './account/billing-usage.ts'
import { postLease } from './cascade/leases.ts'
import { getOutcomes } from './cascade/outcomes.ts'
import { postChatCompletions } from './inference/chat-completions.ts'
import { postCompletions } from './inference/completions.ts'
import { postCountTokens } from './dialects/count-tokens.ts'
import {
  cancelResponse,
  deleteResponse,
  getInputItems,
  getResponse,
  postInputTokens,
} from './dialects/kept-responses.ts'
import { postResponses } from './dialects/responses.ts'
import { postDialectChat } from './dialects/dialect-chat.ts'
import { postGeminiMethod } from './dialects/gemini-methods.ts'
import { postEmbeddings } from './inference/embeddings.ts'
import { createBodyReader } from './inference/respond.ts'
import type { BodyReader, InferenceRouteParts } from './inference/route-parts.ts'
import { postExplain, postQuote } from './inference/explain.ts'
import { postImage, postModeration, postRerank, postSpeech } from './inference/media/json-routes.ts'
import {
  postImageEdit,
  postImageVariation,
  postTranscription,
  postTranslation,
} from './inference/media/form-routes.ts'
import { getGeneration } from './account/generation.ts'
import { getZdrEndpoints } from './models/model-endpoints.ts'
import { MODEL_FILTERS } from './models/model-filters.ts'
import { getEmbeddingModels, getModel, getModels, getModelsBelow, getModelsCount } from './models/models.ts'
import { getProviders } from './models/providers.ts'
import { dialectShape } from './shapes/dialect-shape.ts'
import type { ApiShape } from './shapes/api-shape.ts'
import { OPENAI } from './shapes/openai.ts'
import { OPENROUTER } from './shapes/openrouter.ts'

type Handle = (
  request: FastifyRequest,
  reply: FastifyReply,
  services: AdminServices,
  readBody: BodyReader,
) => unknown
type InferenceRouteHandler = (
  request: HttpRequest,
  reply: HttpReply,
  parts: InferenceRouteParts,
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
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly handle: Handle
  /** How it talks to its clients, if not as the other routes below its prefix. */
  readonly shape?: ApiShape | undefined
}

/** Calls a model, like nearly all requests, and so takes the fast path. */
interface InferenceRoute extends RoutePlan {
  readonly method: 'POST'
  /** It takes multipart forms, too, and reads them itself. */
  readonly acceptsForms?: boolean | undefined
  readonly infer: InferenceRouteHandler
  /** How it talks to its clients, if not as the other routes below its prefix. */
  readonly shape?: ApiShape | undefined
}

const PERIOD = ['since', 'until', 'context']
const LISTING = [...MODEL_FILTERS, 'sort', 'offset', 'limit']

/** A route for chats in another dialect; `infer` where the path has more than chats. */
function dialectRoute(
  dialect: ClientDialect,
  plan: RoutePlan & { readonly infer?: InferenceRouteHandler },
): InferenceRoute {
  return { method: 'POST', infer: postDialectChat(dialect), ...plan, shape: dialectShape(dialect) }
}

const RESPONSES = dialectShape(openAiResponses)

/** The routes below `/v1` and `/api/v1` that call a model. */
export const INFERENCE_ROUTES: readonly InferenceRoute[] = [
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
    path: '/audio/speech',
    infer: postSpeech,
    summary: 'A text, spoken: the sound as it comes, or as events with `stream_format: "sse"`',
  },
  {
    method: 'POST',
    path: '/audio/transcriptions',
    infer: postTranscription,
    acceptsForms: true,
    summary: 'A sound, written down: a form with `file`, or OpenRouter’s JSON with `input_audio`',
  },
  {
    method: 'POST',
    path: '/audio/translations',
    infer: postTranslation,
    acceptsForms: true,
    summary: 'A sound, written down in English',
  },
  {
    method: 'POST',
    path: '/rerank',
    infer: postRerank,
    summary: 'Documents, sorted by how well they fit a query; in Cohere’s, Jina’s and OpenRouter’s form',
  },
  {
    method: 'POST',
    path: '/moderations',
    infer: postModeration,
    summary: 'Texts and pictures, classified by what may not be said or shown',
  },
  {
    method: 'POST',
    path: '/images/generations',
    infer: postImage,
    summary: 'New images, as base64, or as events with `stream: true`',
  },
  { method: 'POST', path: '/images', infer: postImage, summary: 'The same under OpenRouter’s name' },
  {
    method: 'POST',
    path: '/images/edits',
    infer: postImageEdit,
    acceptsForms: true,
    summary: 'Images, changed as a prompt says: a form with `image` or `image[]`, and `mask`',
  },
  {
    method: 'POST',
    path: '/images/variations',
    infer: postImageVariation,
    acceptsForms: true,
    summary: 'Variations of an image, at the providers that still make them',
  },
  dialectRoute(anthropicMessages, {
    path: '/messages',
    summary: 'A chat in the form of Anthropic’s Messages API, plain or with `stream: true` as its events',
  }),
  {
    method: 'POST',
    path: '/responses',
    shape: RESPONSES,
    infer: postResponses,
    summary:
      'A chat in the form of OpenAI’s Responses API, plain or with `stream: true` as its events; it may go on from an earlier one',
  },
  dialectRoute(geminiContent, {
    path: '/models/*',
    shown: '/models/{model}:{method}',
    infer: postGeminiMethod,
    summary:
      'Google’s `generateContent`, `streamGenerateContent`, `countTokens`, `embedContent` and `batchEmbedContents`',
    query: ['alt'],
  }),
]

/** The other routes below `/v1` and `/api/v1`. */
export const ACCOUNT_AND_MODEL_ROUTES: readonly PlainRoute[] = [
  {
    method: 'POST',
    path: '/explain',
    handle: postExplain,
    summary:
      'The endpoints that a request would try, in order, and those excluded, with the reason; no provider is called',
    query: ['kind'],
  },
  {
    method: 'POST',
    path: '/quote',
    handle: postQuote,
    summary: 'The expected and the maximum cost of a request; no provider is called',
    query: ['kind'],
  },
  {
    method: 'POST',
    path: '/messages/count_tokens',
    handle: postCountTokens,
    shape: dialectShape(anthropicMessages),
    summary: 'About how many tokens a request of `/messages` has; no provider is called',
  },
  {
    method: 'POST',
    path: '/responses/input_tokens',
    handle: postInputTokens,
    shape: RESPONSES,
    summary: 'About how many tokens a request of `/responses` has; no provider is called',
  },
  {
    method: 'GET',
    path: '/responses/:id',
    shown: '/responses/{id}',
    handle: getResponse,
    shape: RESPONSES,
    summary: 'A response that the broker keeps for the caller (same address, context and token)',
  },
  {
    method: 'DELETE',
    path: '/responses/:id',
    shown: '/responses/{id}',
    handle: deleteResponse,
    shape: RESPONSES,
    summary: 'Forgets a response; one that runs in the background is stopped',
  },
  {
    method: 'POST',
    path: '/responses/:id/cancel',
    shown: '/responses/{id}/cancel',
    handle: cancelResponse,
    shape: RESPONSES,
    summary: 'Stops a response that runs in the background',
  },
  {
    method: 'GET',
    path: '/responses/:id/input_items',
    shown: '/responses/{id}/input_items',
    handle: getInputItems,
    shape: RESPONSES,
    summary: 'The items that the model got for a response, newest first',
    query: ['after', 'limit', 'order'],
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
    summary:
      'One of the caller’s own requests (same address, context and token), from the ledger; `x_aibroker.group` marks a round of a chat with tools, whose other rows `requests.get` lists',
    query: ['id'],
  },
  {
    method: 'GET',
    path: '/cascade/outcomes',
    handle: getOutcomes,
    summary:
      'For a broker below: what became of requests that it sent, by its own id of them, with their costs',
    query: ['request', 'wait_ms'],
  },
  {
    method: 'POST',
    path: '/cascade/leases',
    handle: postLease,
    summary:
      'For a broker below: takes, renews and gives back a part of its budget, as `leases.exchange` does',
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
export const ROOT_ROUTES: readonly PlainRoute[] = [
  {
    method: 'GET',
    path: '/billing/usage',
    handle: getBillingUsage,
    summary: 'What every address spent, and the refused requests per caller and day; for administrators',
    query: PERIOD,
  },
  {
    method: 'GET',
    path: '/billing/usage/:ip',
    shown: '/billing/usage/{ip}',
    handle: getBillingUsageOf,
    summary:
      'What one address spent, per model, context and day, and its refused requests; for administrators',
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

/** A base path, and how the routes below it talk to their clients. */
export interface RestPrefix {
  readonly path: string
  readonly shape: ApiShape
  /** What the paths of its routes begin with; it has all routes without it. */
  readonly only?: string | undefined
}

/** Base paths on `rest.sock` and TCP. */
export const REST_PREFIXES: readonly RestPrefix[] = [
  { path: '/v1', shape: OPENAI },
  { path: '/api/v1', shape: OPENROUTER },
  // What Google's clients call; of their paths below `/v1` the headers or the method tell.
  { path: '/v1beta', shape: dialectShape(geminiContent), only: '/models' },
]
/** Base paths on `web_v1.sock`: Hero's router strips `/v1` before it passes a request on. */
export const WEB_PREFIXES: readonly RestPrefix[] = [...REST_PREFIXES, { path: '', shape: OPENAI }]

/** How errors are rendered of a path that no route has: as below its prefix, and in OpenRouter's form at the root. */
export function errorRendererAt(path: string): ErrorRenderer {
  const prefix = REST_PREFIXES.find((one) => path === one.path || path.startsWith(`${one.path}/`))
  return (prefix?.shape ?? OPENROUTER).renderError
}

export interface InferenceRouteOptions extends Omit<InferenceRouteParts, 'readBody' | 'shape' | 'uploads'> {
  readonly http: HttpServices
  /** Wraps the handlers. */
  readonly wrap?: ((handle: FastRoute['handle']) => FastRoute['handle']) | undefined
}

/** Adds the routes that call a model. `prefixes` are the base paths that clients may use. */
export function addInferenceRoutes(
  server: FastifyInstance,
  prefixes: readonly RestPrefix[],
  { services, replay, http, wrap = (handle) => handle }: InferenceRouteOptions,
): void {
  const parts = { services, replay, readBody: createBodyReader(), uploads: http.uploads }
  const onRefused = (request: HttpRequest, refusal: unknown): void =>
    countRefusal(services.refusals, authenticate(request), refusal)
  for (const prefix of prefixes)
    for (const { path, infer, acceptsForms, shape = prefix.shape } of routesBelow(prefix, INFERENCE_ROUTES)) {
      const handle = wrap((request, reply) => infer(request, reply, { ...parts, shape }))
      const { renderError } = shape
      addInferenceRoute(server, prefix.path + path, {
        limit: http.concurrencyLimit,
        acceptsForms,
        renderError,
        onRefused,
        handle,
      })
    }
}

export interface AccountAndModelRouteOptions {
  readonly services: AdminServices
  readonly http: HttpServices
}

/** Adds all other REST routes: what they report is known in the primary alone. */
export function addAccountAndModelRoutes(
  server: FastifyInstance,
  prefixes: readonly RestPrefix[],
  { services, http }: AccountAndModelRouteOptions,
): void {
  const readBody = createBodyReader()
  // Requests that only read are served however busy the broker is.
  const onRequest = admissionHook({ limit: http.concurrencyLimit })
  const add = ({ method, handle, shape }: PlainRoute, url: string, usual: ApiShape): void => {
    const { renderError } = shape ?? usual
    server.route({
      method,
      url,
      config: { renderError },
      ...(method === 'POST' && { onRequest }),
      handler: (request, reply) => handle(request, reply, services, readBody),
    })
  }
  for (const route of ROOT_ROUTES) add(route, route.path, OPENROUTER)
  for (const prefix of prefixes)
    for (const route of routesBelow(prefix, ACCOUNT_AND_MODEL_ROUTES))
      add(route, prefix.path + route.path, prefix.shape)
}

function routesBelow<Route extends RoutePlan>(
  { only = '' }: RestPrefix,
  routes: readonly Route[],
): readonly Route[] {
  return routes.filter(({ path }) => path.startsWith(only))
}
