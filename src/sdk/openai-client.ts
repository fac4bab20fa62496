import type { z } from 'zod'
import { CHAT_PATH } from './chat-client.ts'
import { chatAnswer, chatChunk } from './chat-types.ts'
import type { ChatAnswer, ChatChunk, ChatRequest } from './chat-types.ts'
import { images, moderation, reranking, transcript } from './media-types.ts'
import type {
  ImageRequest,
  Images,
  Moderation,
  ModerationRequest,
  RerankRequest,
  Reranking,
  Speech,
  SpeechRequest,
  Transcript,
  TranscriptionRequest,
  TranscriptTextRequest,
} from './media-types.ts'
import { completion, embeddings, listedModel, modelList } from './openai-types.ts'
import type {
  Completion,
  CompletionRequest,
  EmbeddingRequest,
  Embeddings,
  ListedModel,
  ModelList,
} from './openai-types.ts'
import { callRest, readChunks, readResponse } from './rest-call.ts'
import type { CallOptions } from './rpc-client.ts'
import { parseJson, readText, type Transport } from './transport.ts'

/**
 * The REST API under the names of OpenAI's own client, over any transport: code that was written for that client mostly
 * runs unchanged. Failures are `BrokerError`s with the codes of the other clients.
 */
export interface OpenAiClient {
  readonly chat: { readonly completions: { readonly create: Create<ChatRequest, ChatAnswer, ChatChunk> } }
  readonly completions: { readonly create: Create<CompletionRequest, Completion, Completion> }
  readonly embeddings: {
    create(request: EmbeddingRequest, options?: CallOptions): Promise<Embeddings>
  }
  readonly audio: {
    readonly speech: {
      /** The sound as it comes. */
      create(request: SpeechRequest, options?: CallOptions): Promise<Speech>
    }
    readonly transcriptions: {
      create(request: TranscriptionRequest, options?: CallOptions): Promise<Transcript>
      /** The transcript as `text`, or as the subtitles `srt` or `vtt`. */
      createText(request: TranscriptTextRequest, options?: CallOptions): Promise<string>
    }
  }
  readonly images: { generate(request: ImageRequest, options?: CallOptions): Promise<Images> }
  readonly moderations: { create(request: ModerationRequest, options?: CallOptions): Promise<Moderation> }
  /** As Cohere's and Jina's clients have it. */
  rerank(request: RerankRequest, options?: CallOptions): Promise<Reranking>
  readonly models: {
    /** The models that are available now. */
    list(options?: CallOptions): Promise<ModelList>
    retrieve(id: string, options?: CallOptions): Promise<ListedModel>
  }
}

/** With `stream: true` resolves to the chunks; leaving their loop closes the connection. Without it resolves to the complete response. */
export interface Create<Request, Result, Chunk> {
  (
    request: Request & { readonly stream: true },
    options?: CallOptions,
  ): Promise<AsyncGenerator<Chunk, void, void>>
  (request: Request & { readonly stream?: false | undefined }, options?: CallOptions): Promise<Result>
}

export function createOpenAiClient(transport: Transport): OpenAiClient {
  const get = (path: string, options?: CallOptions) => callRest(transport, path, undefined, options)
  /** OpenRouter's form: a transport sends text. */
  const transcribe = (
    { file, ...request }: TranscriptionRequest | TranscriptTextRequest,
    options?: CallOptions,
  ) => {
    const sound = { data: base64Of(file.bytes), format: formatOf(file.name) }
    return callRest(transport, '/v1/audio/transcriptions', { ...request, input_audio: sound }, options)
  }
  return {
    chat: { completions: { create: creator(transport, CHAT_PATH, chatAnswer, chatChunk) } },
    completions: { create: creator(transport, '/v1/completions', completion, completion) },
    embeddings: {
      async create(request, options) {
        return readResponse(await callRest(transport, '/v1/embeddings', request, options), embeddings)
      },
    },
    audio: {
      speech: {
        async create(request, options) {
          const { header, body } = await callRest(transport, '/v1/audio/speech', request, options)
          return Object.assign(body, { x_aibroker: parseJson(header?.('x-aibroker') ?? '') })
        },
      },
      transcriptions: {
        create: async (request, options) => readResponse(await transcribe(request, options), transcript),
        createText: async (request, options) => readText((await transcribe(request, options)).body),
      },
    },
    images: {
      async generate(request, options) {
        return readResponse(await callRest(transport, '/v1/images/generations', request, options), images)
      },
    },
    moderations: {
      async create(request, options) {
        return readResponse(await callRest(transport, '/v1/moderations', request, options), moderation)
      },
    },
    async rerank(request, options) {
      return readResponse(await callRest(transport, '/v1/rerank', request, options), reranking)
    },
    models: {
      list: async (options) => readResponse(await get('/v1/models', options), modelList),
      async retrieve(id, options) {
        const path = id.split('/').map(encodeURIComponent).join('/')
        return readResponse(await get(`/v1/models/${path}`, options), listedModel)
      },
    },
  }
}

/** In pieces, because a browser takes only so many arguments. */
function base64Of(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(text)
}

function formatOf(name: string): string {
  return /\.([A-Za-z0-9]{1,8})$/.exec(name)?.[1]?.toLowerCase() ?? 'wav'
}

function creator<Request extends object, Result extends z.ZodType, Chunk extends z.ZodType>(
  transport: Transport,
  path: string,
  responseSchema: Result,
  chunkSchema: Chunk,
): Create<Request, z.output<Result>, z.output<Chunk>> {
  const create = async (
    request: Request & { readonly stream?: boolean | undefined },
    options?: CallOptions,
  ) => {
    const response = await callRest(transport, path, request, options)
    return request.stream === true
      ? readChunks(response, chunkSchema)
      : readResponse(response, responseSchema)
  }
  // The result depends on `stream`, which overloads can express and a single signature cannot.
  return create as Create<Request, z.output<Result>, z.output<Chunk>>
}
