import type { Catalog } from '../catalog/catalog.ts'
import type { UsageBounds } from '../ledger/cost.ts'
import type { Asking, Provider, Question } from '../providers/provider.ts'
import type { JsonBody } from '../wire/json/json-body.ts'
import type { EmbeddingRequest } from '../wire/openai/embedding.ts'
import { maxCost, maxPromptUsage } from './budget/worst-case.ts'
import { Execution } from './execution/execution.ts'
import { inBatches, type BatchListener } from './request/embedding-batches.ts'
import { rightDimensions } from './request/embedding-dimensions.ts'
import type { Asker, Errand, InferenceKind } from './request/inference-request.ts'
import { embeddingCompleter } from './response/embedding-response.ts'
import type { AnswerFacts, Completer } from './response/response-formatter.ts'
import type { AnswerSink } from './response/response-sink.ts'
import { routeAsked } from './select-candidates.ts'
import type { Rooms } from './services/services.ts'
import { Meter } from './usage/usage-meter.ts'

/** Responds to one embedding request, with the same routing, fallback and ledger as a chat. Throws like `Execution.execute`. */
export function embedding(
  request: EmbeddingRequest,
  context: Asker,
  sink: AnswerSink,
  services: Rooms,
): Promise<void> {
  const { body, wishes } = request
  const { candidates } = routeAsked(
    { kind: 'embedding', wishes, strategy: services.strategy },
    context,
    services,
  )
  const kind = new EmbeddingKind(request, services.catalog())
  const most = maxCost(kind, candidates)
  const inference: Errand = { kind, body, modelAsked: wishes.model, streamed: false, candidates, most }
  return new Execution(inference, context, sink, services).execute()
}

class EmbeddingKind implements InferenceKind {
  readonly name = 'embedding'
  readonly route = 'embeddings'
  readonly #request: EmbeddingRequest
  readonly #catalog: Catalog

  constructor(request: EmbeddingRequest, catalog: Catalog) {
    this.#request = request
    this.#catalog = catalog
  }

  maxUsage(): UsageBounds {
    return maxPromptUsage(this.#request.body)
  }

  reasons(): undefined {
    return undefined
  }

  createMeter(body: JsonBody): Meter {
    return new Meter(body)
  }

  createFormatter(facts: AnswerFacts): Completer {
    return embeddingCompleter(this.#request.encoding)(facts)
  }

  /** In as many calls as the provider's maximum of inputs needs; the vectors must have the length that was requested. */
  dispatch(provider: Provider, call: Question, listener: BatchListener): Asking {
    const { dimensions } = this.#request
    if (dimensions === undefined) return inBatches(provider, call, listener)
    const { modelId } = call
    const { endpoints, models } = this.#catalog
    const model = endpoints.get(`${provider.id}/${modelId}`)?.model ?? ''
    const capabilities = models.get(model)?.capabilities ?? []
    return inBatches(provider, call, rightDimensions({ dimensions, modelId, capabilities }, listener))
  }
}
