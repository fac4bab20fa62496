import type { Catalog, Endpoint } from '../catalog/catalog.ts'
import type { UsageBounds } from '../ledger/cost.ts'
import type { ProviderCall, Provider, ProviderRequest } from '../providers/provider.ts'
import type { UsageShape } from '../providers/usage-shape.ts'
import type { JsonBody } from '../wire/json/json-body.ts'
import type { ChatRequest } from '../wire/openai/chat.ts'
import { NO_PREFERENCES } from '../wire/openai/routing/provider-preferences.ts'
import { maxChatUsage, maxCost } from './budget/worst-case.ts'
import { fitContextWindow } from './prompt/fit-context-window.ts'
import type { BatchResponseHandler } from './request/embedding-batches.ts'
import type { RequestContext, InferenceRequest, InferenceKind } from './request/inference-request.ts'
import { chatFormatter } from './response/formats/chat-response.ts'
import type { ResponseInfo, ResponseFormatter } from './response/response-formatter.ts'
import { selectCandidates } from './candidates/select-candidates.ts'
import { thinkingMakerFirst } from './candidates/thinking-maker-first.ts'
import type { InferenceServices } from './services/services.ts'
import { createUsageMeter, type UsageMeter } from './usage/usage-meter.ts'

/** One chat request with its candidates. Throws what routing throws when no endpoint can serve it. */
export function prepareChat(
  request: ChatRequest,
  context: RequestContext,
  services: InferenceServices,
): InferenceRequest | Promise<InferenceRequest> {
  const { body, routing, stream, n } = request
  const plan = selectCandidates(
    { kind: 'chat', requested: routing, strategy: services.strategy },
    context,
    services,
  )
  // A caller that orders the providers itself keeps its order.
  const isOrdered = routing.preferences !== NO_PREFERENCES
  const candidates = isOrdered ? plan.candidates : thinkingMakerFirst(plan.candidates, body.text, services)
  const kind = new ChatKind(request, services.catalog())
  const inference: InferenceRequest = {
    kind,
    body,
    requestedModel: routing.model,
    stream,
    candidates,
    maxCost: maxCost(kind, candidates),
    n,
    mayCapTokens: request.maxTokens === undefined,
    mayResume: stream && n === 1,
  }
  return fitContextWindow(inference, request, services)
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
    return maxChatUsage(this.#request, endpoint)
  }

  /** By the model's own list of capabilities; a model that lists none leaves it open. */
  reasons({ model }: Endpoint): boolean | undefined {
    const capabilities = this.#catalog.models.get(model)?.capabilities ?? []
    return capabilities.length === 0 ? undefined : capabilities.includes('reasoning')
  }

  createMeter(body: JsonBody, endpoint: Endpoint, shape?: UsageShape): UsageMeter {
    return createUsageMeter(body, endpoint, shape)
  }

  createFormatter(facts: ResponseInfo): ResponseFormatter {
    const { hidesReasoning, plugins } = this.#request
    return chatFormatter({ hidesReasoning, healsJson: plugins.repairsJson })(facts)
  }

  dispatch(provider: Provider, call: ProviderRequest, listener: BatchResponseHandler): ProviderCall {
    return provider.send(call, listener)
  }
}
