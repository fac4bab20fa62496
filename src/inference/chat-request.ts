import type { Catalog, Endpoint } from '../catalog/catalog.ts'
import type { ChatRequest } from '../wire/openai/chat.ts'
import type { Asker } from './request/request-context.ts'
import { chatCompleter } from './response/chat-response.ts'
import type { Errand } from './request/inference-request.ts'
import { meterOf } from './usage/usage-meter.ts'
import { boundsOf, mostItCanTake } from './budget/worst-case.ts'
import type { Rooms } from './services/services.ts'
import { routeAsked } from './select-candidates.ts'

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
