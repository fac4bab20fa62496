import type { FastifyReply, FastifyRequest } from 'fastify'
import { BrokerError } from '../../../base/errors.ts'
import { callerKey } from '../../../auth/caller.ts'
import { openAiResponses } from '../../../dialects/responses/responses.ts'
import { selectFor } from '../../../inference/candidates/select-candidates.ts'
import type { KeptResponse, ResponseStore } from '../../../inference/replay/response-store.ts'
import type { AdminServices } from '../../../inference/services/services.ts'
import { countPrompt } from '../../../inference/usage/count-prompt.ts'
import { parseChatRequest } from '../../../wire/openai/chat.ts'
import { authenticate } from '../../http/authenticate.ts'
import { dialectRequestOf } from '../inference/requested-models.ts'
import type { BodyReader } from '../inference/route-parts.ts'
import { isRunning } from './background-response.ts'

interface Named {
  readonly owner: string
  readonly store: ResponseStore
  readonly kept: KeptResponse
}

/** The response that a path names, if it is the caller's own. Throws `not-found`. */
function named(request: FastifyRequest, { responses: store }: AdminServices): Named {
  const { id } = request.params as { readonly id: string }
  const owner = callerKey(authenticate(request))
  const kept = store?.find(owner, id)
  if (store === undefined || kept === undefined)
    throw new BrokerError('not-found', `Response with id '${id}' not found`)
  return { owner, store, kept }
}

/** `GET /responses/{id}`. */
export function getResponse(request: FastifyRequest, _reply: FastifyReply, services: AdminServices): unknown {
  const { stream } = request.query as { readonly stream?: string }
  if (stream === 'true')
    throw new BrokerError('bad-request', 'stream: a kept response is not streamed again; leave it out', {
      details: { field: 'stream' },
    })
  return named(request, services).kept.response
}

/** `DELETE /responses/{id}`. One that runs is stopped. */
export function deleteResponse(
  request: FastifyRequest,
  _reply: FastifyReply,
  services: AdminServices,
): unknown {
  const { owner, store, kept } = named(request, services)
  kept.cancel?.()
  store.remove(owner, kept.id)
  return { id: kept.id, object: 'response', deleted: true }
}

/** `POST /responses/{id}/cancel`: for responses that run in the background. */
export function cancelResponse(
  request: FastifyRequest,
  _reply: FastifyReply,
  services: AdminServices,
): unknown {
  const { owner, store, kept } = named(request, services)
  if (kept.response['background'] !== true)
    throw new BrokerError('bad-request', `only a response with 'background: true' can be cancelled`)
  if (!isRunning(kept.response)) return kept.response
  kept.cancel?.()
  return store.find(owner, kept.id)?.response
}

const DEFAULT_LIMIT = 20
const MAX_LIMIT = 100

/** `GET /responses/{id}/input_items`, newest first. */
export function getInputItems(
  request: FastifyRequest,
  _reply: FastifyReply,
  services: AdminServices,
): unknown {
  const { kept } = named(request, services)
  const { after, limit: asked, order = 'desc' } = request.query as Readonly<Record<string, string>>
  const limit = Number(asked ?? DEFAULT_LIMIT)
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw new BrokerError('bad-request', `limit: it must be a whole number from 1 to ${MAX_LIMIT}`, {
      details: { field: 'limit' },
    })
  const all = order === 'asc' ? kept.input : kept.input.toReversed()
  const from = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1
  const data = all.slice(from, from + limit)
  return {
    object: 'list',
    data,
    first_id: data[0]?.['id'] ?? null,
    last_id: data.at(-1)?.['id'] ?? null,
    has_more: from + limit < all.length,
  }
}

/** `POST /responses/input_tokens`: about how many tokens a request has, by the broker's own count. */
export async function postInputTokens(
  request: FastifyRequest,
  _reply: FastifyReply,
  services: AdminServices,
  readBody: BodyReader,
): Promise<object> {
  const body = openAiResponses.readRequest(dialectRequestOf(request, readBody(request)))
  const chat = parseChatRequest(body)
  const query = { kind: 'chat', requested: chat.routing, strategy: services.strategy } as const
  const { candidates } = selectFor(query, authenticate(request), services)
  const model = candidates[0]?.model ?? chat.routing.model
  return {
    object: 'response.input_tokens',
    input_tokens: await countPrompt(chat.body, model, services.tokenCounter),
  }
}
