import type { Catalog, Endpoint } from '../catalog/catalog.ts'
import type { UsageBounds } from '../ledger/cost.ts'
import type { Asking, Provider, Question } from '../providers/provider.ts'
import type { JsonBody } from '../wire/json/json-body.ts'
import type { ChatRequest } from '../wire/openai/chat.ts'
import { boundsOf, maxCost } from './budget/worst-case.ts'
import { fitted } from './prompt/fit-context-window.ts'
import type { BatchListener } from './request/embedding-batches.ts'
import type { Asker, Errand, InferenceKind } from './request/inference-request.ts'
import { chatCompleter } from './response/chat-response.ts'
import type { AnswerFacts, Completer } from './response/response-formatter.ts'
import { routeAsked } from './select-candidates.ts'
import type { Rooms } from './services/services.ts'
import { meterOf, type Meter } from './usage/usage-meter.ts'

/** One chat request with its candidates. Throws what routing throws when no endpoint can serve it. */
export function prepareChat(request: ChatRequest, context: Asker, services: Rooms): Errand | Promise<Errand> {
  const { body, wishes, streamed, choices } = request
  const { candidates } = routeAsked({ kind: 'chat', wishes, strategy: services.strategy }, context, services)
  const kind = new ChatKind(request, services.catalog())
  const inference: Errand = {
    kind,
    body,
    modelAsked: wishes.model,
    streamed,
    candidates,
    most: maxCost(kind, candidates),
    choices,
    mayBeShortened: request.maxTokens === undefined,
    mayBeRescued: streamed && choices === 1,
  }
  return fitted(inference, request, services)
}

class ChatKind implements InferenceKind {
  readonly name = 'chat'
  readonly route = 'chat'
  readonly #request: ChatRequest
  readonly #catalog: Catalog

  constructor(request: ChatRequest, catalog: Catalog) {
    this.#request = request
    this.#catalog = catalog
  }

  maxUsage(endpoint: Endpoint): UsageBounds {
    return boundsOf(this.#request, endpoint)
  }

  /** By the model's own list of capabilities; a model that lists none leaves it open. */
  reasons({ model }: Endpoint): boolean | undefined {
    const capabilities = this.#catalog.models.get(model)?.capabilities ?? []
    return capabilities.length === 0 ? undefined : capabilities.includes('reasoning')
  }

  createMeter(body: JsonBody, endpoint: Endpoint): Meter {
    return meterOf(body, endpoint)
  }

  createFormatter(facts: AnswerFacts): Completer {
    const { hidesReasoning, plugins } = this.#request
    return chatCompleter({ hidesReasoning, healsJson: plugins.healsJson })(facts)
  }

  dispatch(provider: Provider, call: Question, listener: BatchListener): Asking {
    return provider.ask(call, listener)
  }
}
