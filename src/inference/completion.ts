import type { CompletionRequest } from '../wire/openai/completion.ts'
import type { AnswerSink } from './response/response-sink.ts'
import type { Asker } from './request/request-context.ts'
import { completionCompleter } from './response/completion-response.ts'
import { fitted } from './prompt/fit-context-window.ts'
import { meterOf } from './usage/usage-meter.ts'
import { boundsOf, mostItCanTake } from './budget/worst-case.ts'
import type { Rooms } from './services/services.ts'
import { routeAsked } from './select-candidates.ts'
import { walk } from './execution/execute.ts'

/**
 * Answers one text completion. A router is asked for one; everybody else for a chat of one message, since hardly
 * anybody serves completions any more. Throws like `walk`.
 */
export async function completion(
  request: CompletionRequest,
  asker: Asker,
  sink: AnswerSink,
  rooms: Rooms,
): Promise<void> {
  const { body, chatBody, wishes, streamed } = request
  const { candidates } = routeAsked({ kind: 'chat', wishes, strategy: rooms.strategy }, asker, rooms)
  const errand = fitted(
    {
      kind: 'chat',
      route: 'chat',
      body: chatBody,
      ofRouters: { route: 'completions', body },
      modelAsked: wishes.model,
      streamed,
      candidates,
      most: mostItCanTake({ ...request, body: chatBody }, candidates),
      bounds: (endpoint) => boundsOf({ ...request, body: chatBody }, endpoint),
      choices: request.choices,
      mayBeShortened: request.maxTokens === undefined,
      meter: meterOf,
      completer: completionCompleter,
    },
    { ...request, body: chatBody },
    rooms,
  )
  return walk(await errand, asker, sink, rooms)
}
