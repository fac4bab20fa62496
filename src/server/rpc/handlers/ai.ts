import { generationId } from '../../../base/ids.ts'
import type { Asker } from '../../../inference/request/inference-request.ts'
import { chat } from '../../../inference/chat.ts'
import { embedding } from '../../../inference/embedding.ts'
import type { Rooms } from '../../../inference/services/services.ts'
import type { Caller } from '../../../auth/caller.ts'
import { parseChatRequest } from '../../../wire/openai/chat.ts'
import { parseEmbeddingRequest } from '../../../wire/openai/embedding.ts'
import { jsonBodyOf } from '../../../wire/json/json-body.ts'
import type { Result } from '../../../wire/rpc/methods.ts'
import type { HandlersOf } from '../calls/handler-types.ts'
import { WholeAnswer } from '../calls/buffered-response-sink.ts'

/** Runs chats and embeddings like the REST routes do. Params win over the same field in `options`. */
export function aiHandlers(rooms: Rooms): HandlersOf<'ai.chat' | 'ai.embed'> {
  return {
    'ai.chat': async ({ options, model = 'auto', ...params }, caller, signal) => {
      const request = parseChatRequest(bodyOf({ ...options, model, ...params, stream: false }))
      const answer = await wholeAnswer(rooms, caller, signal, (asker, sink) =>
        chat(request, asker, sink, rooms),
      )
      return answer as Result<'ai.chat'>
    },
    'ai.embed': async ({ options, ...params }, caller, signal) => {
      const request = parseEmbeddingRequest(bodyOf({ ...options, ...params }))
      const answer = await wholeAnswer(rooms, caller, signal, (asker, sink) =>
        embedding(request, asker, sink, rooms),
      )
      return answer as Result<'ai.embed'>
    },
  }
}

function bodyOf(request: object) {
  return jsonBodyOf(JSON.stringify(request))
}

async function wholeAnswer(
  rooms: Rooms,
  caller: Caller,
  signal: AbortSignal,
  ask: (asker: Asker, sink: WholeAnswer) => Promise<void>,
): Promise<unknown> {
  const leave = rooms.admission.enter()
  try {
    const answer = new WholeAnswer(generationId(rooms.clock.now()), signal)
    await ask({ caller, ...rooms.attribution }, answer)
    // RPC clients often read the ledger next, so the entry is written first.
    await rooms.ledger.written()
    return JSON.parse(answer.json)
  } finally {
    leave()
  }
}
