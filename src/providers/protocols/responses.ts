import { BrokerError } from '../../base/errors.ts'
import type { Secret } from '../../base/secret.ts'
import { writeRequest } from '../../dialects/responses/provider/request-out.ts'
import { readResponse, type ResponseFacts } from '../../dialects/responses/provider/response/response-in.ts'
import { ResponsesDecoder } from '../../dialects/responses/provider/response/stream-decoder.ts'
import { spliceRequest } from '../../dialects/responses/provider/source-request.ts'
import { errorOfObject } from '../errors/upstream-errors.ts'
import type { ProviderRequest } from '../provider.ts'
import { isWrittenIn, notServed, unusable } from './dialect-checks.ts'
import { readersOf } from './event-reader.ts'
import type {
  DecodedResponse,
  EncodedRequest,
  EncodeFacts,
  ExpectedResponse,
  ProviderProtocol,
} from './protocol.ts'
import { opener, sealer } from './thinking-seals.ts'

/** OpenAI's Responses API: https://platform.openai.com/docs/api-reference/responses. No state is kept at the provider. */
export const responses: ProviderProtocol = {
  keyHeaders: (key: Secret | undefined) =>
    key === undefined ? [] : ['authorization', `Bearer ${key.reveal()}`],
  encode(request, facts) {
    if (request.route !== 'chat') throw notServed(request, facts)
    return isWrittenIn('responses', request) ? encodeSource(request, facts) : encodeChat(request, facts)
  },
  ...readersOf({
    facts: responseFacts,
    createDecoder: (facts) => new ResponsesDecoder(facts),
    read: decodeResponse,
  }),
}

function encodeSource(request: ProviderRequest, facts: EncodeFacts): EncodedRequest {
  const source = request.body.source?.body ?? request.body
  const { text, dropped } = spliceRequest(source, { modelId: request.modelId, open: opener(request, facts) })
  return { path: '/responses', body: text, leftOut: dropped }
}

function encodeChat(request: ProviderRequest, facts: EncodeFacts): EncodedRequest {
  const { modelId, stream, isReasoningModel } = request
  const { request: body, dropped } = writeRequest(request.body.value, {
    modelId,
    stream,
    reasons: isReasoningModel,
    open: opener(request, facts),
  })
  return { path: '/responses', body: JSON.stringify(body), leftOut: dropped }
}

function responseFacts(request: ProviderRequest, facts: EncodeFacts): ResponseFacts {
  return { seal: sealer(request, facts), keepsOriginal: isWrittenIn('responses', request) }
}

function decodeResponse(
  response: Readonly<Record<string, unknown>>,
  body: string,
  expected: ExpectedResponse,
): DecodedResponse | BrokerError {
  const { provider, request } = expected
  const { error, output } = response
  if (error !== undefined && error !== null) return errorOfObject(provider, error)
  if (!Array.isArray(output)) return unusable(`${provider} sent a response without output`, provider, body)
  const read = readResponse(response, responseFacts(request, expected))
  return { json: JSON.stringify(read), response: read }
}
