import { generationId } from '../../../base/ids.ts'
import type { RequestContext } from '../../../inference/request/inference-request.ts'
import { countRefusal } from '../../../inference/admission/refusal-counter.ts'
import { chat } from '../../../inference/chat.ts'
import { embedding } from '../../../inference/embedding.ts'
import type { AdminServices, HttpServices } from '../../../inference/services/services.ts'
import type { Caller } from '../../../auth/caller.ts'
import { parseChatRequest } from '../../../wire/openai/chat.ts'
import { parseEmbeddingRequest } from '../../../wire/openai/embedding.ts'
import { jsonBodyOf } from '../../../wire/json/json-body.ts'
import type { Result } from '../../../wire/rpc/methods.ts'
import type { HandlersOf } from '../calls/handler-types.ts'
import { BufferedResponseSink } from '../calls/buffered-response-sink.ts'

export interface AiFacts {
  readonly services: AdminServices
  readonly http: HttpServices
}

/** Runs chats and embeddings like the REST routes do. Params win over the same field in `options`. */
export function aiHandlers({ services, http }: AiFacts): HandlersOf<'ai.chat' | 'ai.embed'> {
  return {
    'ai.chat': async ({ options, model = 'auto', ...params }, caller, signal) => {
      const request = parseChatRequest(bodyOf({ ...options, model, ...params, stream: false }))
      const response = await bufferedResponse({ services, http }, caller, signal, (context, sink) =>
        chat(request, context, sink, services),
      )
      return response as Result<'ai.chat'>
    },
    'ai.embed': async ({ options, ...params }, caller, signal) => {
      const request = parseEmbeddingRequest(bodyOf({ ...options, ...params }))
      const response = await bufferedResponse({ services, http }, caller, signal, (context, sink) =>
        embedding(request, context, sink, services),
      )
      return response as Result<'ai.embed'>
    },
  }
}

function bodyOf(request: object) {
  return jsonBodyOf(JSON.stringify(request))
}

async function bufferedResponse(
  { services, http }: AiFacts,
  caller: Caller,
  signal: AbortSignal,
  run: (context: RequestContext, sink: BufferedResponseSink) => Promise<void>,
): Promise<unknown> {
  const release = acquireFor(caller, { services, http })
  try {
    const sink = new BufferedResponseSink(generationId(services.clock.now()), signal)
    await run({ caller, ...services.attribution }, sink)
    // RPC clients often read the ledger next, so the entry is written first.
    await services.ledger.whenWritten()
    return JSON.parse(sink.json)
  } finally {
    release()
  }
}

function acquireFor(caller: Caller, { services, http }: AiFacts): () => void {
  try {
    return http.concurrencyLimit.acquire()
  } catch (error) {
    countRefusal(services.refusals, caller, error)
    throw error
  }
}
