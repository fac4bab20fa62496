import { asBrokerError, BrokerError, ERRORS } from '../../../base/errors.ts'
import { callerKey } from '../../../auth/caller.ts'
import { continueFrom, identified, inputItems } from '../../../dialects/responses/conversation.ts'
import { openAiResponses } from '../../../dialects/responses/responses.ts'
import { chat } from '../../../inference/chat.ts'
import type { ResponseStore } from '../../../inference/replay/response-store.ts'
import { parseChatRequest, type ChatRequest } from '../../../wire/openai/chat.ts'
import type { JsonBody } from '../../../wire/json/json-body.ts'
import { authenticate } from '../../http/authenticate.ts'
import type { HttpReply, HttpRequest } from '../../http/node/request-types.ts'
import { ForwardRequired } from '../inference/forward-required.ts'
import type { ClientResponseSink } from '../inference/http-response-sink.ts'
import { requestContextOf } from '../inference/request-context.ts'
import { dialectRequestOf } from '../inference/requested-models.ts'
import { respond } from '../inference/respond.ts'
import type { InferenceRouteParts } from '../inference/route-parts.ts'
import { runInBackground, type Keep } from './background-response.ts'

type Fields = Readonly<Record<string, unknown>>

/** `POST /responses`: a chat in the form of the Responses API, which may go on from an earlier response. */
export function postResponses(
  request: HttpRequest,
  reply: HttpReply,
  parts: InferenceRouteParts,
): Promise<void> {
  return respond(reply, parts, async (sink) => {
    const received = parts.readBody(request)
    const store = storeFor(received.value, parts)
    const owner = callerKey(authenticate(request))
    const body = withHistory(received, owner, store)
    const chatRequest = parseChatRequest(openAiResponses.readRequest(dialectRequestOf(request, body)))
    const keep = keeper(sink.id, owner, body, store)
    prepare(sink, chatRequest, keep)
    const context = requestContextOf(request, parts.services, parts.shape)
    if (received.value['background'] === true && !chatRequest.stream)
      return runInBackground({ chatRequest, context, sink, keep, services: parts.services })
    try {
      return await chat(chatRequest, context, sink, parts.services)
    } catch (thrown) {
      return reportLimit(thrown, request, chatRequest, sink)
    }
  })
}

/** The store, when the request needs it: the primary alone has one. */
function storeFor(asked: Fields, { replay }: InferenceRouteParts): ResponseStore | undefined {
  const isStateless =
    asked['store'] === false && !isPresent(asked['previous_response_id']) && asked['background'] !== true
  if (isStateless) return undefined
  if (replay === undefined) throw new ForwardRequired()
  return replay.responses
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null
}

function withHistory(body: JsonBody, owner: string, store: ResponseStore | undefined): JsonBody {
  const id = body.value['previous_response_id']
  if (!isPresent(id)) return body
  const earlier = typeof id === 'string' ? store?.find(owner, id) : undefined
  if (earlier !== undefined) return continueFrom(body, earlier)
  throw new BrokerError(
    'bad-request',
    `Previous response with id '${String(id)}' not found: send the whole conversation in 'input'`,
    { details: { field: 'previous_response_id' } },
  )
}

function prepare(sink: ClientResponseSink, { body, routing, stream }: ChatRequest, keep: Keep): void {
  sink.prepare({
    model: routing.model,
    stream,
    object: 'chat.completion.chunk',
    request: body,
    onFinished: keep,
  })
}

function keeper(id: string, owner: string, body: JsonBody, store: ResponseStore | undefined): Keep {
  const { store: isStored, background } = body.value
  if (store === undefined || (isStored === false && background !== true)) return () => undefined
  const input = identified(inputItems(body.value['input']), id.replace(/^gen-/, ''))
  return (response, cancel) => {
    const size = body.byteLength + JSON.stringify(response).length
    store.keep(owner, { id: String(response['id']), input, response, size, cancel })
  }
}

/**
 * Codex gives up at a 429, and repeats a request whose response failed for a limit after the time that is named (0.171, read
 * 2026-11).
 */
function reportLimit(
  thrown: unknown,
  { headers }: HttpRequest,
  { routing, stream }: ChatRequest,
  sink: ClientResponseSink,
): void {
  const error = asBrokerError(thrown)
  const isCodex = [headers['originator'], headers['user-agent']].some(
    (name) => typeof name === 'string' && name.startsWith('codex'),
  )
  if (!stream || !isCodex || ERRORS[error.code].http !== 429) throw thrown
  sink.fail(error, { model: routing.model, provider: error.details.provider })
}
