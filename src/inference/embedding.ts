import type { Catalog, Endpoint } from '../catalog/catalog.ts'
import type { UsageBounds } from '../ledger/cost.ts'
import type { UsageShape } from '../providers/usage-shape.ts'
import type { ProviderCall, Provider, ProviderRequest } from '../providers/provider.ts'
import type { JsonBody } from '../wire/json/json-body.ts'
import type { EmbeddingRequest } from '../wire/openai/embedding.ts'
import { maxCost, maxPromptUsage } from './budget/worst-case.ts'
import { Execution } from './execution/execution.ts'
import { sendInBatches, type BatchResponseHandler } from './request/embedding-batches.ts'
import { enforceDimensions } from './request/embedding-dimensions.ts'
import type { RequestContext, InferenceRequest, InferenceKind } from './request/inference-request.ts'
import { embeddingFormatter } from './response/formats/embedding-response.ts'
import type { ResponseInfo, ResponseFormatter } from './response/response-formatter.ts'
import type { ResponseSink } from './response/response-sink.ts'
import { selectCandidates } from './candidates/select-candidates.ts'
import type { InferenceServices } from './services/services.ts'
import { UsageMeter } from './usage/usage-meter.ts'

/** Responds to one embedding request, with the same routing, fallback and ledger as a chat. Throws like `Execution.execute`. */
export function embedding(
  request: EmbeddingRequest,
  context: RequestContext,
  sink: ResponseSink,
  services: InferenceServices,
): Promise<void> {
  const { body, routing } = request
  const { candidates } = selectCandidates(
    { kind: 'embedding', requested: routing, strategy: services.strategy },
    context,
    services,
  )
  const kind = new EmbeddingKind(request, services.catalog())
  const maximum = maxCost(kind, candidates)
  const inference: InferenceRequest = {
    kind,
    body,
    requestedModel: routing.model,
    stream: false,
    candidates,
    maxCost: maximum,
  }
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

  maxUsage(endpoint: Endpoint): UsageBounds {
    return maxPromptUsage(this.#request.body, endpoint)
  }

  reasons(): undefined {
    return undefined
  }

  createMeter(body: JsonBody, _endpoint: Endpoint, shape?: UsageShape): UsageMeter {
    return new UsageMeter(body, 0, shape)
  }

  createFormatter(facts: ResponseInfo): ResponseFormatter {
    return embeddingFormatter(this.#request.encoding)(facts)
  }

  /** In as many calls as the provider's maximum of inputs needs; the vectors must have the length that was requested. */
  dispatch(provider: Provider, call: ProviderRequest, listener: BatchResponseHandler): ProviderCall {
    const { dimensions } = this.#request
    if (dimensions === undefined) return sendInBatches(provider, call, listener)
    const { modelId } = call
    const { endpoints, models } = this.#catalog
    const model = endpoints.get(`${provider.id}/${modelId}`)?.model ?? ''
    const capabilities = models.get(model)?.capabilities ?? []
    return sendInBatches(provider, call, enforceDimensions({ dimensions, modelId, capabilities }, listener))
  }
}
