import type { CompletionRequest } from '../wire/completion.ts'
import type { AnswerSink } from './answer-sink.ts'
import type { Asker } from './asker.ts'
import { completionCompleter } from './complete-completion.ts'
import { fitted } from './fitted.ts'
import { meterOf } from './meter.ts'
import { boundsOf, mostItCanTake } from './most-it-can-take.ts'
import type { Rooms } from './rooms.ts'
import { routeAsked } from './route-for.ts'
import { walk } from './walk.ts'

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
