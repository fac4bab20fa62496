import { BrokerError } from '../../../../base/errors.ts'
import { MODEL_KINDS } from '../../../../base/model-kinds.ts'
import { truncate } from '../../../../base/text.ts'
import type { ModelKind } from '../../../../catalog/catalog.ts'
import type { ExplainRequest } from '../../../../inference/explain.ts'
import { soundLengthOf } from '../../../../inference/media/audio-duration.ts'
import { ImageKind } from '../../../../inference/media/image.ts'
import { ModerationKind } from '../../../../inference/media/moderation.ts'
import { RerankKind } from '../../../../inference/media/rerank.ts'
import { SpeechKind } from '../../../../inference/media/speech.ts'
import { TranscriptionKind, unservedAt } from '../../../../inference/media/transcription.ts'
import type { InferenceKind } from '../../../../inference/request/inference-request.ts'
import type { InferenceServices } from '../../../../inference/services/services.ts'
import type { JsonBody } from '../../../../wire/json/json-body.ts'
import { parseChatRequest } from '../../../../wire/openai/chat.ts'
import { parseCompletionRequest } from '../../../../wire/openai/completion.ts'
import { parseEmbeddingRequest } from '../../../../wire/openai/embedding.ts'
import { parseImageRequest } from '../../../../wire/openai/media/image.ts'
import { parseModerationRequest } from '../../../../wire/openai/media/moderation.ts'
import { parseRerankRequest } from '../../../../wire/openai/media/rerank.ts'
import { parseSpeechRequest } from '../../../../wire/openai/media/speech.ts'
import { parseTranscriptionForm } from '../../../../wire/openai/media/transcription.ts'
import type { RoutingPreferences } from '../../../../wire/openai/routing/routing-preferences.ts'
import { transcriptionInMemory } from '../../../http/uploads/transcription-json.ts'

type Services = Pick<InferenceServices, 'catalog' | 'providers'>
type Reader = (body: JsonBody, services: Services) => ExplainRequest | Promise<ExplainRequest>

/** How the body of each kind of request is read. */
const READERS: Readonly<Record<ModelKind, Reader>> = {
  chat: readChat,
  embedding: (body) => ({ kind: 'embedding', ...parseEmbeddingRequest(body), maxTokens: 0, n: 1 }),
  speech: mediaReader(parseSpeechRequest, (request) => new SpeechKind(request)),
  transcription: readTranscription,
  image: mediaReader(parseImageRequest, (request) => new ImageKind(request)),
  rerank: mediaReader(parseRerankRequest, (request) => new RerankKind(request)),
  moderation: mediaReader(parseModerationRequest, ({ body }) => new ModerationKind(body)),
}

/**
 * Reads the body of any request that is JSON. `kind` names the kind where the body may be of several; without it the kind
 * follows from the fields that only one has, then from the model. Throws `bad-request` naming the field.
 */
export function readExplainRequest(
  body: JsonBody,
  kind: unknown,
  services: Services,
): ExplainRequest | Promise<ExplainRequest> {
  return READERS[kind === undefined ? kindOf(body, services) : knownKind(kind)](body, services)
}

function knownKind(name: unknown): ModelKind {
  const known = MODEL_KINDS.find((each) => each === name)
  if (known !== undefined) return known
  const sent = typeof name === 'string' ? `is “${truncate(name)}”, ` : ''
  throw new BrokerError(
    'bad-request',
    `the query parameter “kind” ${sent}should be one of ${MODEL_KINDS.join(', ')}`,
  )
}

/** Fields that the requests of one kind have, and no other's. */
const TELLING_FIELDS: readonly (readonly [field: string, kind: ModelKind])[] = [
  ['messages', 'chat'],
  ['documents', 'rerank'],
  ['input_audio', 'transcription'],
  ['voice', 'speech'],
]

function kindOf({ value }: JsonBody, services: Services): ModelKind {
  const telling = TELLING_FIELDS.find(([field]) => value[field] !== undefined)
  if (telling !== undefined) return telling[1]
  const kind = kindOfModel(value, services)
  if (value['input'] !== undefined) return kind === 'speech' || kind === 'moderation' ? kind : 'embedding'
  return kind === 'image' && value['prompt'] !== undefined ? kind : 'chat'
}

/** The kind of the first model that is named; `undefined` where it is not known. */
function kindOfModel({ model, models }: JsonBody['value'], { catalog }: Services): ModelKind | undefined {
  const name: unknown = model ?? (Array.isArray(models) ? models[0] : undefined)
  if (typeof name !== 'string') return undefined
  const known = catalog()
  return known.models.get(known.endpoints.get(name)?.model ?? name)?.kind
}

function readChat(body: JsonBody): ExplainRequest {
  const { value } = body
  if (value['messages'] !== undefined || value['prompt'] === undefined)
    return { kind: 'chat', ...parseChatRequest(body) }
  const completion = parseCompletionRequest(body)
  return { kind: 'chat', ...completion, body: completion.chatBody }
}

/** Reads a request for media and keeps what it uses. */
function mediaReader<Request extends { readonly body: JsonBody; readonly routing: RoutingPreferences }>(
  parse: (body: JsonBody) => Request,
  kindFor: (request: Request) => InferenceKind,
): Reader {
  return (body) => {
    const request = parse(body)
    return explained(request, kindFor(request))
  }
}

async function readTranscription(body: JsonBody, services: Services): Promise<ExplainRequest> {
  const { fields, file } = transcriptionInMemory(body)
  const request = parseTranscriptionForm(fields, file)
  const media = new TranscriptionKind(request, await soundLengthOf(file), services)
  return { ...explained(request, media), unservedAt: (endpoint) => unservedAt(endpoint, request, services) }
}

function explained(
  { body, routing }: { readonly body: JsonBody; readonly routing: RoutingPreferences },
  media: InferenceKind,
): ExplainRequest {
  return { kind: media.name, body, routing, media, maxTokens: 0, n: 1 }
}
