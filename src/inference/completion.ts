import type { Endpoint } from '../catalog/catalog.ts'
import type { UsageBounds } from '../ledger/cost.ts'
import type { ProviderCall, Provider, ProviderRequest } from '../providers/provider.ts'
import type { UsageShape } from '../providers/usage-shape.ts'
import type { JsonBody } from '../wire/json/json-body.ts'
import type { CompletionRequest } from '../wire/openai/completion.ts'
import { maxChatUsage, maxCost, type ChatBounds } from './budget/worst-case.ts'
import { Execution } from './execution/execution.ts'
import { fitContextWindow } from './prompt/fit-context-window.ts'
import type { BatchResponseHandler } from './request/embedding-batches.ts'
import type { RequestContext, InferenceRequest, InferenceKind } from './request/inference-request.ts'
import { completionFormatter } from './response/formats/completion-response.ts'
import type { ResponseInfo, ResponseFormatter } from './response/response-formatter.ts'
import type { ResponseSink } from './response/response-sink.ts'
import { selectCandidates } from './candidates/select-candidates.ts'
import type { InferenceServices } from './services/services.ts'
import { createUsageMeter, type UsageMeter } from './usage/usage-meter.ts'

/**
 * Responds to one text completion. A router gets it as a completion, any other provider as a chat of one message, since
 * hardly any serves completions any more. Throws like `Execution.execute`.
 */
export async function completion(
  request: CompletionRequest,
  context: RequestContext,
  sink: ResponseSink,
  services: InferenceServices,
): Promise<void> {
  const { body, chatBody, routing, stream, n } = request
  const { candidates } = selectCandidates(
    { kind: 'chat', requested: routing, strategy: services.strategy },
    context,
    services,
  )
  const asChat = { ...request, body: chatBody }
  const kind = new CompletionKind(asChat)
  const inference: InferenceRequest = {
    kind,
    body: chatBody,
    forRouters: { route: 'completions', body },
    requestedModel: routing.model,
    stream,
    candidates,
    maxCost: maxCost(kind, candidates),
    n,
    mayCapTokens: request.maxTokens === undefined,
  }
  return new Execution(await fitContextWindow(inference, asChat, services), context, sink, services).execute()
}

class CompletionKind implements InferenceKind {
  readonly name = 'chat'
  readonly route = 'chat'
  readonly #request: ChatBounds

  constructor(request: ChatBounds) {
    this.#request = request
  }

  maxUsage(endpoint: Endpoint): UsageBounds {
    return maxChatUsage(this.#request, endpoint)
  }

  reasons(): undefined {
    return undefined
  }

  createMeter(body: JsonBody, endpoint: Endpoint, shape?: UsageShape): UsageMeter {
    return createUsageMeter(body, endpoint, shape)
  }

  createFormatter(facts: ResponseInfo): ResponseFormatter {
    return completionFormatter(facts)
  }

  dispatch(provider: Provider, call: ProviderRequest, listener: BatchResponseHandler): ProviderCall {
    return provider.send(call, listener)
  }
}
