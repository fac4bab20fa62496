import type { Endpoint } from '../../catalog/catalog.ts'
import type { UsageBounds } from '../../ledger/cost.ts'
import { ZERO_USAGE, type Usage } from '../../ledger/types.ts'
import type { ProviderCall, Provider, ProviderRequest } from '../../providers/provider.ts'
import type { UsageShape } from '../../providers/usage-shape.ts'
import { isObject, type JsonBody } from '../../wire/json/json-body.ts'
import type { ChatChunk } from '../../wire/openai/chat.ts'
import type { RerankRequest } from '../../wire/openai/media/rerank.ts'
import type { BatchResponseHandler } from '../request/embedding-batches.ts'
import type { InferenceKind, RequestContext } from '../request/inference-request.ts'
import { rerankFormatter } from '../response/media/rerank-response.ts'
import type { ResponseFormatter, ResponseInfo } from '../response/response-formatter.ts'
import type { ResponseSink } from '../response/response-sink.ts'
import type { InferenceServices } from '../services/services.ts'
import { MediaMeter } from '../usage/media/media-meter.ts'
import { promptUsageIn } from '../usage/media/media-usage.ts'
import { BYTES_PER_TOKEN } from '../usage/token-ratio.ts'
import { executeMedia } from './execute-media.ts'

/** Has documents sorted by how well they fit a query. Throws like `Execution.execute`. */
export function rerank(
  request: RerankRequest,
  context: RequestContext,
  sink: ResponseSink,
  services: InferenceServices,
): Promise<void> {
  const { body, plainBody, routing } = request
  return executeMedia(
    {
      kind: new RerankKind(request),
      body: plainBody,
      routing,
      stream: false,
      forRouters: { route: 'rerank', body },
    },
    context,
    sink,
    services,
  )
}

/** A search unit is one query with up to so many documents; a longer document counts once for each piece of so many tokens. */
const DOCUMENTS_PER_UNIT = 100
const TOKENS_PER_PIECE = 510

/** The search units of a request: at least, usual, and at most, since no token is shorter than a byte. */
export function searchUnitsOf({ documents }: Pick<RerankRequest, 'documents'>): {
  readonly min: number
  readonly usual: number
  readonly max: number
} {
  const units = (bytesPerToken: number): number => {
    const pieces = documents.map((each) => {
      const text = typeof each === 'string' ? each : JSON.stringify(each)
      return Math.max(1, Math.ceil(Buffer.byteLength(text) / bytesPerToken / TOKENS_PER_PIECE))
    })
    return Math.ceil(pieces.reduce((sum, count) => sum + count, 0) / DOCUMENTS_PER_UNIT)
  }
  return {
    min: Math.ceil(documents.length / DOCUMENTS_PER_UNIT),
    usual: units(BYTES_PER_TOKEN),
    max: units(1),
  }
}

/** Reranking, with what it uses. */
export class RerankKind implements InferenceKind {
  readonly name = 'rerank'
  readonly route = 'rerank'
  readonly formatsRouters = true
  readonly #request: RerankRequest

  constructor(request: RerankRequest) {
    this.#request = request
  }

  maxUsage(endpoint: Endpoint): UsageBounds {
    const none = { maxPromptTokens: 0, maxCompletionTokens: 0, isText: true }
    if (!isPricedByTokens(endpoint)) return { ...none, maxSearchUnits: searchUnitsOf(this.#request).max }
    return { ...none, maxPromptTokens: this.#maxTokens }
  }

  /** Some servers count the query once for each document. */
  get #maxTokens(): number {
    const { body, query, documents } = this.#request
    return body.byteLength + Buffer.byteLength(query) * documents.length
  }

  reasons(): undefined {
    return undefined
  }

  createMeter(_body: JsonBody, endpoint: Endpoint, shape?: UsageShape): MediaMeter {
    if (!isPricedByTokens(endpoint)) {
      const { min, usual, max } = searchUnitsOf(this.#request)
      return new MediaMeter(
        { estimate: units(usual), low: units(min), high: units(max), reportIn: unitsIn },
        shape,
      )
    }
    const tokens = (prompt: number): Usage => ({ ...ZERO_USAGE, prompt })
    return new MediaMeter(
      {
        estimate: tokens(Math.ceil(this.#request.body.byteLength / BYTES_PER_TOKEN)),
        low: ZERO_USAGE,
        high: tokens(this.#maxTokens),
        reportIn: promptUsageIn,
      },
      shape,
    )
  }

  createFormatter(info: ResponseInfo): ResponseFormatter {
    return rerankFormatter(info, this.#request)
  }

  dispatch(provider: Provider, call: ProviderRequest, handler: BatchResponseHandler): ProviderCall {
    return provider.send(call, handler)
  }
}

function isPricedByTokens({ price }: Endpoint): boolean {
  return price?.perSearchUnit === undefined && price?.input !== undefined
}

function units(searchUnits: number): Usage {
  return { ...ZERO_USAGE, searchUnits }
}

/** Cohere reports what it bills in `meta`, OpenRouter in `usage`. */
function unitsIn(response: ChatChunk): Usage | undefined {
  const { meta, usage } = response as { readonly meta?: unknown; readonly usage?: unknown }
  const billed =
    isObject(meta) && isObject(meta['billed_units']) ? meta['billed_units']['search_units'] : undefined
  const count = billed ?? (isObject(usage) ? usage['search_units'] : undefined)
  return Number.isSafeInteger(count) && (count as number) >= 0 && (count as number) <= 1_000_000
    ? units(count as number)
    : undefined
}
