import type { Catalog, Endpoint } from '../catalog/catalog.ts'
import { mostItCanCost } from '../ledger/cost.ts'
import type { Money } from '../base/money.ts'
import type { EmbeddingRequest } from '../wire/openai/embedding.ts'
import type { AnswerSink } from './response/response-sink.ts'
import type { Asker } from './request/request-context.ts'
import { embeddingCompleter } from './response/embedding-response.ts'
import type { Errand } from './request/inference-request.ts'
import { inBatches } from './request/embedding-batches.ts'
import { Meter } from './usage/usage-meter.ts'
import { rightDimensions } from './request/embedding-dimensions.ts'
import type { Rooms } from './services/services.ts'
import { routeAsked } from './select-candidates.ts'
import { walk } from './execution/execute.ts'

/** Answers one embedding request: same routing, fallback and ledger as a chat. Throws like `walk`. */
export function embedding(
  request: EmbeddingRequest,
  asker: Asker,
  sink: AnswerSink,
  rooms: Rooms,
): Promise<void> {
  const { body, wishes, encoding } = request
  const { candidates } = routeAsked({ kind: 'embedding', wishes, strategy: rooms.strategy }, asker, rooms)
  return walk(
    {
      kind: 'embedding',
      route: 'embeddings',
      body,
      modelAsked: wishes.model,
      streamed: false,
      candidates,
      most: mostEmbeddingCost(body.byteLength, candidates),
      bounds: () => ({ promptTokensAtMost: body.byteLength, completionTokensAtMost: 0 }),
      meter: (sent) => new Meter(sent),
      completer: embeddingCompleter(encoding),
      askWith: request.dimensions === undefined ? inBatches : askingFor(request.dimensions, rooms.catalog()),
    },
    asker,
    sink,
    rooms,
  )
}

/** As `inBatches`, and what comes is held to the length of vectors that was asked for. */
function askingFor(dimensions: number, { endpoints, models }: Catalog): NonNullable<Errand['askWith']> {
  return (provider, question, listener) => {
    const { modelId } = question
    const model = endpoints.get(`${provider.id}/${modelId}`)?.model ?? ''
    const capabilities = models.get(model)?.capabilities ?? []
    return inBatches(provider, question, rightDimensions({ dimensions, modelId, capabilities }, listener))
  }
}

/** No token is shorter than a byte, and a vector has no price of its own. */
function mostEmbeddingCost(bytes: number, candidates: readonly Endpoint[]): Money | undefined {
  const bounds = { promptTokensAtMost: bytes, completionTokensAtMost: 0 }
  let most: Money | undefined
  for (const { price } of candidates) {
    const cost = price === undefined ? undefined : mostItCanCost(bounds, price)
    if (cost !== undefined && cost > (most ?? -1n)) most = cost
  }
  return most
}
