import type { ChatRequest } from '../wire/chat.ts'
import { parseJsonBody, spliceFields, type JsonBody } from '../wire/json-body.ts'
import type { AnswerSink } from './answer-sink.ts'
import type { Asker } from './asker.ts'
import { chatCompleter } from './complete-chat.ts'
import { Meter } from './meter.ts'
import { boundsOf, mostItCanTake } from './most-it-can-take.ts'
import type { Rooms } from './rooms.ts'
import { routeFor } from './route-for.ts'
import { walk } from './walk.ts'

/** Answers one chat request, plain or streamed. Throws like `walk`. */
export function chat(request: ChatRequest, asker: Asker, sink: AnswerSink, rooms: Rooms): Promise<void> {
  const { body, wishes, streamed } = request
  const { candidates } = routeFor({ kind: 'chat', wishes, strategy: rooms.strategy }, asker.caller, rooms)
  return walk(
    {
      kind: 'chat',
      route: 'chat',
      body,
      modelAsked: wishes.model,
      streamed,
      candidates,
      most: mostItCanTake(request, candidates),
      bounds: (endpoint) => boundsOf(request, endpoint),
      choices: request.choices,
      shorten: request.maxTokens === undefined ? (tokens) => shortened(body, tokens) : undefined,
      meter: () => new Meter(body.byteLength),
      completer: chatCompleter({ hidesReasoning: request.hidesReasoning }),
    },
    asker,
    sink,
    rooms,
  )
}

function shortened(body: JsonBody, tokens: number): JsonBody {
  const changes = new Map([
    ['max_tokens', String(tokens)],
    ['max_completion_tokens', undefined],
  ])
  return parseJsonBody(new TextEncoder().encode(spliceFields(body, changes)))
}
