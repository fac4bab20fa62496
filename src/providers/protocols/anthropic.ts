import { BrokerError } from '../../base/errors.ts'
import type { Secret } from '../../base/secret.ts'
import { readMessage, type ResponseFacts } from '../../dialects/anthropic/provider/response/message-in.ts'
import { writeRequest } from '../../dialects/anthropic/provider/request-out.ts'
import { spliceRequest } from '../../dialects/anthropic/provider/source-request.ts'
import { MessageDecoder } from '../../dialects/anthropic/provider/response/stream-decoder.ts'
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

/** The version whose requests may have every field; a caller's own version goes with its own request. */
const VERSION = '2023-06-01'

/** Anthropic's Messages API: https://docs.anthropic.com/en/api/messages. */
export const anthropic: ProviderProtocol = {
  keyHeaders: (key: Secret | undefined) => [
    ...(key === undefined ? [] : ['x-api-key', key.reveal()]),
    'anthropic-version',
    VERSION,
  ],
  encode(request, facts) {
    if (request.route !== 'chat') throw notServed(request, facts)
    return isWrittenIn('anthropic', request) ? encodeSource(request, facts) : encodeChat(request, facts)
  },
  ...readersOf({
    facts: responseFacts,
    createDecoder: (facts) => new MessageDecoder(facts),
    read: readResponse,
  }),
}

function encodeSource(request: ProviderRequest, facts: EncodeFacts): EncodedRequest {
  const source = request.body.source?.body ?? request.body
  const { text, dropped } = spliceRequest(source, { modelId: request.modelId, open: opener(request, facts) })
  return { path: '/messages', body: text, headers: betaHeaders(request), leftOut: dropped }
}

/** Long enough for all features that a client may name, each of which is a short word. */
const BETAS = /^[a-z0-9-]+(, ?[a-z0-9-]+)*$/
const MAX_BETAS = 2000

/** The features that the caller's own request was written for. */
function betaHeaders({ headers }: ProviderRequest): readonly string[] {
  const betas = headers?.['anthropic-beta']
  const text = Array.isArray(betas) ? betas.join(',') : betas
  return text !== undefined && text.length <= MAX_BETAS && BETAS.test(text) ? ['anthropic-beta', text] : []
}

function encodeChat(request: ProviderRequest, facts: EncodeFacts): EncodedRequest {
  const { modelId, stream, maxOutputTokens, isReasoningModel } = request
  const { request: body, dropped } = writeRequest(request.body.value, {
    modelId,
    stream,
    maxOutputTokens,
    reasons: isReasoningModel,
    takesLateSystem: facts.definition.quirks?.takesLateSystem === true,
    open: opener(request, facts),
  })
  return { path: '/messages', body: JSON.stringify(body), leftOut: dropped }
}

function responseFacts(request: ProviderRequest, facts: EncodeFacts): ResponseFacts {
  return { seal: sealer(request, facts), keepsOriginal: isWrittenIn('anthropic', request) }
}

function readResponse(
  message: Readonly<Record<string, unknown>>,
  body: string,
  expected: ExpectedResponse,
): DecodedResponse | BrokerError {
  const { provider, request } = expected
  if (message['type'] === 'error') return errorOfObject(provider, message['error'])
  if (!Array.isArray(message['content']))
    return unusable(`${provider} sent a response without content`, provider, body)
  const response = readMessage(message, responseFacts(request, expected))
  return { json: JSON.stringify(response), response }
}
