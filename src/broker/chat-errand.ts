import type { Catalog, Endpoint } from '../catalog/catalog.ts'
import type { ChatRequest } from '../wire/chat.ts'
import type { Asker } from './asker.ts'
import { chatCompleter } from './complete-chat.ts'
import type { Errand } from './errand.ts'
import { meterOf } from './meter.ts'
import { boundsOf, mostItCanTake } from './most-it-can-take.ts'
import type { Rooms } from './rooms.ts'
import { routeAsked } from './route-for.ts'

/** One question to a model. Throws what routing throws when nobody can be asked. */
export function chatErrand(request: ChatRequest, asker: Asker, rooms: Rooms): Errand {
  const { body, wishes, streamed } = request
  const { candidates } = routeAsked({ kind: 'chat', wishes, strategy: rooms.strategy }, asker, rooms)
  const catalog = rooms.catalog()
  return {
    kind: 'chat',
    route: 'chat',
    body,
    modelAsked: wishes.model,
    streamed,
    candidates,
    most: mostItCanTake(request, candidates),
    bounds: (endpoint) => boundsOf(request, endpoint),
    choices: request.choices,
    mayBeShortened: request.maxTokens === undefined,
    reasons: (endpoint) => doesReason(endpoint, catalog),
    meter: meterOf,
    mayBeRescued: streamed && request.choices === 1,
    completer: chatCompleter({
      hidesReasoning: request.hidesReasoning,
      healsJson: request.plugins.healsJson,
    }),
  }
}

/** By the model's own list of capabilities; one that lists none leaves it open. */
function doesReason({ model }: Endpoint, { models }: Catalog): boolean | undefined {
  const capabilities = models.get(model)?.capabilities ?? []
  return capabilities.length === 0 ? undefined : capabilities.includes('reasoning')
}
