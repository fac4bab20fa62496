import type { Endpoint } from '../catalog/catalog.ts'
import type { UsageBounds } from '../ledger/cost.ts'
import type { Asking, Provider, Question } from '../providers/provider.ts'
import type { JsonBody } from '../wire/json/json-body.ts'
import type { CompletionRequest } from '../wire/openai/completion.ts'
import { boundsOf, maxCost, type ChatBounds } from './budget/worst-case.ts'
import { Execution } from './execution/execution.ts'
import { fitted } from './prompt/fit-context-window.ts'
import type { BatchListener } from './request/embedding-batches.ts'
import type { Asker, Errand, InferenceKind } from './request/inference-request.ts'
import { completionCompleter } from './response/completion-response.ts'
import type { AnswerFacts, Completer } from './response/response-formatter.ts'
import type { AnswerSink } from './response/response-sink.ts'
import { routeAsked } from './select-candidates.ts'
import type { Rooms } from './services/services.ts'
import { meterOf, type Meter } from './usage/usage-meter.ts'

/**
 * Responds to one text completion. A router gets it as a completion, any other provider as a chat of one message, since
 * hardly any serves completions any more. Throws like `Execution.execute`.
 */
export async function completion(
  request: CompletionRequest,
  context: Asker,
  sink: AnswerSink,
  services: Rooms,
): Promise<void> {
  const { body, chatBody, wishes, streamed, choices } = request
  const { candidates } = routeAsked({ kind: 'chat', wishes, strategy: services.strategy }, context, services)
  const asChat = { ...request, body: chatBody }
  const kind = new CompletionKind(asChat)
  const inference: Errand = {
    kind,
    body: chatBody,
    ofRouters: { route: 'completions', body },
    modelAsked: wishes.model,
    streamed,
    candidates,
    most: maxCost(kind, candidates),
    choices,
    mayBeShortened: request.maxTokens === undefined,
  }
  return new Execution(await fitted(inference, asChat, services), context, sink, services).execute()
}

class CompletionKind implements InferenceKind {
  readonly name = 'chat'
  readonly route = 'chat'
  readonly #request: ChatBounds

  constructor(request: ChatBounds) {
    this.#request = request
  }

  maxUsage(endpoint: Endpoint): UsageBounds {
    return boundsOf(this.#request, endpoint)
  }

  reasons(): undefined {
    return undefined
  }

  createMeter(body: JsonBody, endpoint: Endpoint): Meter {
    return meterOf(body, endpoint)
  }

  createFormatter(facts: AnswerFacts): Completer {
    return completionCompleter(facts)
  }

  dispatch(provider: Provider, call: Question, listener: BatchListener): Asking {
    return provider.ask(call, listener)
  }
}
