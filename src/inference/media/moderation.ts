import type { UsageBounds } from '../../ledger/cost.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import type { ProviderCall, Provider, ProviderRequest } from '../../providers/provider.ts'
import type { UsageShape } from '../../providers/usage-shape.ts'
import type { JsonBody } from '../../wire/json/json-body.ts'
import type { ModerationRequest } from '../../wire/openai/media/moderation.ts'
import { maxPromptUsage } from '../budget/worst-case.ts'
import type { BatchResponseHandler } from '../request/embedding-batches.ts'
import type { InferenceKind, RequestContext } from '../request/inference-request.ts'
import { jsonFormatter } from '../response/media/media-response.ts'
import type { ResponseFormatter, ResponseInfo } from '../response/response-formatter.ts'
import type { ResponseSink } from '../response/response-sink.ts'
import type { InferenceServices } from '../services/services.ts'
import { MediaMeter } from '../usage/media/media-meter.ts'
import { promptUsageIn } from '../usage/media/media-usage.ts'
import { ZERO_USAGE } from '../../ledger/types.ts'
import { executeMedia } from './execute-media.ts'

/** Has texts and pictures classified. Throws like `Execution.execute`. */
export function moderation(
  { body, routing }: ModerationRequest,
  context: RequestContext,
  sink: ResponseSink,
  services: InferenceServices,
): Promise<void> {
  const kind = new ModerationKind(body)
  return executeMedia({ kind, body, routing, stream: false }, context, sink, services)
}

/** Moderation, with what it uses. */
export class ModerationKind implements InferenceKind {
  readonly name = 'moderation'
  readonly route = 'moderations'
  readonly #body: JsonBody

  constructor(body: JsonBody) {
    this.#body = body
  }

  maxUsage(endpoint: Endpoint): UsageBounds {
    return maxPromptUsage(this.#body, endpoint)
  }

  reasons(): undefined {
    return undefined
  }

  createMeter(body: JsonBody, endpoint: Endpoint, shape?: UsageShape): MediaMeter {
    const high = { ...ZERO_USAGE, prompt: maxPromptUsage(body, endpoint).maxPromptTokens }
    // OpenAI reports no usage, and a free model needs none.
    const counted = endpoint.price?.input === 0n ? ZERO_USAGE : undefined
    return new MediaMeter({ counted, estimate: high, low: ZERO_USAGE, high, reportIn: promptUsageIn }, shape)
  }

  createFormatter(info: ResponseInfo): ResponseFormatter {
    return jsonFormatter(info)
  }

  dispatch(provider: Provider, call: ProviderRequest, handler: BatchResponseHandler): ProviderCall {
    return provider.send(call, handler)
  }
}
