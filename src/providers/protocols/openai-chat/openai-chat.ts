import { BrokerError } from '../../../base/errors.ts'
import type { ChatChunk } from '../../../wire/openai/chat.ts'
import type { ProviderRoute } from '../../provider.ts'
import type { DecodedResponse, ExpectedResponse, ProviderProtocol } from '../protocol.ts'
import { normalResponse } from './chunk-normalizer.ts'
import { eventsOf, foldStream } from './fold-stream.ts'
import { prepareRequest } from './openai-request.ts'
import { choicesOf, parseResponse } from './response-checks.ts'
import { StreamReader } from './stream-reader.ts'

/** The path of each kind of request, and the list that its response must have, if any. */
const ROUTES = {
  chat: { path: '/chat/completions', list: 'choices' },
  completions: { path: '/completions', list: 'choices' },
  embeddings: { path: '/embeddings', list: 'data' },
  speech: { path: '/audio/speech', list: undefined },
  transcriptions: { path: '/audio/transcriptions', list: undefined },
  translations: { path: '/audio/translations', list: undefined },
  rerank: { path: '/rerank', list: 'results' },
  moderations: { path: '/moderations', list: 'results' },
  images: { path: '/images', list: 'data' },
  'images/generations': { path: '/images/generations', list: 'data' },
  'images/edits': { path: '/images/edits', list: 'data' },
  'images/variations': { path: '/images/variations', list: 'data' },
} as const satisfies Record<ProviderRoute, { path: string; list: keyof ChatChunk | undefined }>

/** OpenAI's chat completions, text completions and embeddings: https://platform.openai.com/docs/api-reference. */
export const openAiChat: ProviderProtocol = {
  keyHeaders: (key) => (key === undefined ? [] : ['authorization', `Bearer ${key.reveal()}`]),
  encode(request, { definition, rules }) {
    const { path } = ROUTES[request.route]
    const form = request.media?.form
    // The bytes of a form are sent as they come.
    if (form !== undefined) return { path, body: '', headers: ['content-type', form.contentType] }
    const { body, leftOut, refusal } = prepareRequest(request, definition.quirks ?? {}, rules)
    if (refusal !== undefined) throw refusal
    return { path, body, leftOut }
  },
  createStreamReader: (handler) => new StreamReader(handler),
  readResponse: (body, expected) => {
    const events = eventsOf(body)
    const response = events === undefined ? parse(body, expected) : fold(events, expected)
    if (response instanceof BrokerError) return response
    return decoded(normalResponse(response), response, events === undefined ? body : undefined)
  },
}

/** @param json the text of `response`, when it has one. */
function decoded(normal: ChatChunk, response: ChatChunk, json: string | undefined): DecodedResponse {
  return { response: normal, json: normal === response && json !== undefined ? json : JSON.stringify(normal) }
}

function parse(body: string, { request, provider, contentType }: ExpectedResponse): ChatChunk | BrokerError {
  const { list } = ROUTES[request.route]
  return parseResponse(body, contentType, { provider, list, choices: choicesOf(request) })
}

function fold(body: string, expected: ExpectedResponse): ChatChunk | BrokerError {
  const { provider, request } = expected
  const choices = choicesOf(request)
  return foldStream(body, provider, (handler) => new StreamReader({ ...handler, provider, choices }))
}
