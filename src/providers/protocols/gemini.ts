import { randomLetters } from '../../base/ids.ts'
import { BrokerError } from '../../base/errors.ts'
import type { Secret } from '../../base/secret.ts'
import {
  failureIn,
  readResponse,
  type ResponseFacts,
} from '../../dialects/gemini/provider/response/response-in.ts'
import { readEmbeddings, writeEmbeddings } from '../../dialects/gemini/provider/embeddings.ts'
import { ContentDecoder } from '../../dialects/gemini/provider/response/stream-decoder.ts'
import { writeRequest } from '../../dialects/gemini/provider/request-out.ts'
import { spliceRequest } from '../../dialects/gemini/provider/source-request.ts'
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

/** Google's Gemini API: https://ai.google.dev/api/generate-content. */
export const gemini: ProviderProtocol = {
  keyHeaders: (key: Secret | undefined) => (key === undefined ? [] : ['x-goog-api-key', key.reveal()]),
  encode(request, facts) {
    if (request.route === 'embeddings') return encodeEmbeddings(request)
    if (request.route !== 'chat') throw notServed(request, facts)
    const { text, dropped } = isWrittenIn('gemini', request)
      ? encodeSource(request, facts)
      : encodeChat(request, facts)
    return { path: pathOf(request), body: text, leftOut: dropped }
  },
  ...readersOf({
    facts: responseFacts,
    createDecoder: (facts) => new ContentDecoder(facts),
    read: readWhole,
  }),
}

function pathOf({ modelId, stream }: ProviderRequest): string {
  return `${modelPath(modelId)}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`
}

function modelPath(modelId: string): string {
  return `/models/${modelId.split('/').map(encodeURIComponent).join('/')}`
}

function encodeEmbeddings({ modelId, body }: ProviderRequest): EncodedRequest {
  const text = JSON.stringify(writeEmbeddings(body.value, modelId))
  return { path: `${modelPath(modelId)}:batchEmbedContents`, body: text }
}

interface Encoded {
  readonly text: string
  readonly dropped: EncodedRequest['leftOut']
}

function encodeSource(request: ProviderRequest, facts: EncodeFacts): Encoded {
  const source = request.body.source?.body ?? request.body
  return spliceRequest(source, { modelId: request.modelId, open: opener(request, facts) })
}

function encodeChat(request: ProviderRequest, facts: EncodeFacts): Encoded {
  const { request: body, dropped } = writeRequest(request.body.value, {
    modelId: request.modelId,
    reasons: request.isReasoningModel,
    open: opener(request, facts),
  })
  return { text: JSON.stringify(body), dropped }
}

const SEED_LENGTH = 20

function responseFacts(request: ProviderRequest, facts: EncodeFacts): ResponseFacts {
  return {
    seal: sealer(request, facts),
    keepsOriginal: isWrittenIn('gemini', request),
    seed: randomLetters(SEED_LENGTH),
  }
}

function readWhole(
  response: Readonly<Record<string, unknown>>,
  body: string,
  expected: ExpectedResponse,
): DecodedResponse | BrokerError {
  const { provider, request } = expected
  if (response['error'] !== undefined) return errorOfObject(provider, response['error'])
  if (request.route === 'embeddings') return readVectors(body, response, expected)
  const failure = failureIn(response)
  if (failure !== undefined) return unusable(`the model of ${provider} failed: ${failure}`, provider, body)
  if (!Array.isArray(response['candidates']) && response['promptFeedback'] === undefined)
    return unusable(`${provider} sent a response without candidates`, provider, body)
  const read = readResponse(response, responseFacts(request, expected))
  return { json: JSON.stringify(read), response: read }
}

function readVectors(
  body: string,
  response: Readonly<Record<string, unknown>>,
  { provider, request }: ExpectedResponse,
): DecodedResponse | BrokerError {
  const { input } = request.body.value
  const read = readEmbeddings(response, Array.isArray(input) ? input.length : 1)
  if (read === undefined) return unusable(`${provider} sent no vector for each text`, provider, body)
  return { json: JSON.stringify(read), response: read }
}
