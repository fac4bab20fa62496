import type { z } from 'zod'
import { CHAT_PATH } from './chat-client.ts'
import { chatAnswer, chatChunk } from './chat-types.ts'
import type { ChatAnswer, ChatChunk, ChatRequest } from './chat-types.ts'
import { completion, embeddings, listedModel, modelList } from './openai-types.ts'
import type {
  Completion,
  CompletionRequest,
  EmbeddingRequest,
  Embeddings,
  ListedModel,
  ModelList,
} from './openai-types.ts'
import { askRest, chunksOf, wholeOf } from './rest-call.ts'
import type { CallOptions } from './rpc-client.ts'
import type { Transport } from './transport.ts'

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
  readonly models: {
    /** The models that are available now. */
    list(options?: CallOptions): Promise<ModelList>
    retrieve(id: string, options?: CallOptions): Promise<ListedModel>
  }
}

/** With `stream: true` resolves to the chunks; leaving their loop closes the connection. Without it resolves to the complete response. */
export interface Create<Request, Answer, Chunk> {
  (
    request: Request & { readonly stream: true },
    options?: CallOptions,
  ): Promise<AsyncGenerator<Chunk, void, void>>
  (request: Request & { readonly stream?: false | undefined }, options?: CallOptions): Promise<Answer>
}

export function createOpenAiClient(transport: Transport): OpenAiClient {
  const get = (path: string, options?: CallOptions) => askRest(transport, path, undefined, options)
  return {
    chat: { completions: { create: creator(transport, CHAT_PATH, chatAnswer, chatChunk) } },
    completions: { create: creator(transport, '/v1/completions', completion, completion) },
    embeddings: {
      async create(request, options) {
        return wholeOf(await askRest(transport, '/v1/embeddings', request, options), embeddings)
      },
    },
    models: {
      list: async (options) => wholeOf(await get('/v1/models', options), modelList),
      async retrieve(id, options) {
        const path = id.split('/').map(encodeURIComponent).join('/')
        return wholeOf(await get(`/v1/models/${path}`, options), listedModel)
      },
    },
  }
}

function creator<Request extends object, Answer extends z.ZodType, Chunk extends z.ZodType>(
  transport: Transport,
  path: string,
  answer: Answer,
  chunk: Chunk,
): Create<Request, z.output<Answer>, z.output<Chunk>> {
  const create = async (
    request: Request & { readonly stream?: boolean | undefined },
    options?: CallOptions,
  ) => {
    const came = await askRest(transport, path, request, options)
    return request.stream === true ? chunksOf(came, chunk) : wholeOf(came, answer)
  }
  // The result depends on `stream`, which overloads can express and a single signature cannot.
  return create as Create<Request, z.output<Answer>, z.output<Chunk>>
}
