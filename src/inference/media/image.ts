import { BrokerError } from '../../base/errors.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import { imageClassOf, type UsageBounds } from '../../ledger/cost.ts'
import { ZERO_USAGE, type Usage } from '../../ledger/types.ts'
import type {
  ProviderCall,
  Provider,
  ProviderRequest,
  ProviderRoute,
  ResponseHandler,
} from '../../providers/provider.ts'
import type { UsageShape } from '../../providers/usage-shape.ts'
import type { JsonBody } from '../../wire/json/json-body.ts'
import type { ChatChunk } from '../../wire/openai/chat.ts'
import type { ImageRequest } from '../../wire/openai/media/image.ts'
import type { BatchResponseHandler } from '../request/embedding-batches.ts'
import type { InferenceKind, RequestContext } from '../request/inference-request.ts'
import { multipartBody } from '../request/multipart-body.ts'
import { imageFormatter } from '../response/media/image-response.ts'
import type { ResponseFormatter, ResponseInfo } from '../response/response-formatter.ts'
import type { ResponseSink } from '../response/response-sink.ts'
import type { InferenceServices } from '../services/services.ts'
import { MediaMeter } from '../usage/media/media-meter.ts'
import { tokenUsageIn } from '../usage/media/media-usage.ts'
import { executeMedia } from './execute-media.ts'

/** Has images made or changed. Throws like `Execution.execute`. */
export function image(
  request: ImageRequest,
  context: RequestContext,
  sink: ResponseSink,
  services: InferenceServices,
): Promise<void> {
  const { body, routing, stream, operation } = request
  const kind = new ImageKind(request)
  const forRouters = operation === 'generations' ? ({ route: 'images', body } as const) : undefined
  return executeMedia({ kind, body, routing, stream, forRouters }, context, sink, services)
}

const ROUTES = {
  generations: 'images/generations',
  edits: 'images/edits',
  variations: 'images/variations',
} as const satisfies Record<ImageRequest['operation'], ProviderRoute>

/** Tokens of an image that is made: the largest that OpenAI documents at high quality has 6,240; larger sizes have more. */
const USUAL_IMAGE_TOKENS = 1_600
const MAX_IMAGE_TOKENS = 32_000
/** Tokens of an image that is sent. */
const MAX_INPUT_IMAGE_TOKENS = 16_000

/** Images to be made or changed, with what they use. */
export class ImageKind implements InferenceKind {
  readonly name = 'image'
  readonly route: ProviderRoute
  readonly formatsRouters = true
  readonly #request: ImageRequest

  constructor(request: ImageRequest) {
    this.route = ROUTES[request.operation]
    this.#request = request
  }

  maxUsage(endpoint: Endpoint): UsageBounds {
    const { n, size, quality, partialImages, files } = this.#request
    if (isPricedByImage(endpoint))
      return {
        maxPromptTokens: 0,
        maxCompletionTokens: 0,
        maxMadeImages: n,
        imageClass: imageClassOf(size, quality),
      }
    return {
      maxPromptTokens: this.#promptBytes + files.length * MAX_INPUT_IMAGE_TOKENS,
      maxCompletionTokens: (endpoint.maxOutputTokens ?? MAX_IMAGE_TOKENS) * n * (1 + partialImages),
      isText: files.length === 0,
    }
  }

  get #promptBytes(): number {
    const { body, fields } = this.#request
    return body.byteLength + fields.reduce((sum, [, value]) => sum + Buffer.byteLength(value), 0)
  }

  reasons(): undefined {
    return undefined
  }

  createMeter(_body: JsonBody, endpoint: Endpoint, shape?: UsageShape): MediaMeter {
    if (isPricedByImage(endpoint)) return this.#meterOfImages(shape)
    const max = this.maxUsage(endpoint)
    const tokens = (prompt: number, completion: number): Usage => ({ ...ZERO_USAGE, prompt, completion })
    return new MediaMeter(
      {
        estimate: tokens(Math.ceil(this.#promptBytes / 4), this.#request.n * USUAL_IMAGE_TOKENS),
        low: ZERO_USAGE,
        high: tokens(max.maxPromptTokens, max.maxCompletionTokens),
        reportIn: tokenUsageIn,
      },
      shape,
    )
  }

  /** Images are counted as they come, each in the size and quality that the provider says it has. */
  #meterOfImages(shape: UsageShape | undefined): MediaMeter {
    const { n, size, quality } = this.#request
    const made = (madeImages: number, imageClass = imageClassOf(size, quality)): Usage => ({
      ...ZERO_USAGE,
      madeImages,
      imageClass,
    })
    let finished = 0
    const reportIn = (response: ChatChunk): Usage | undefined => {
      const { data, type, ...said } = response as ImagesSaid
      const isLast = typeof type === 'string' && type.endsWith('.completed')
      const count = Array.isArray(data) ? data.length : isLast ? ++finished : undefined
      if (count === undefined) return undefined
      return made(count, imageClassOf(textOf(said.size) ?? size, textOf(said.quality) ?? quality))
    }
    return new MediaMeter({ estimate: made(n), low: ZERO_USAGE, high: made(n), reportIn }, shape)
  }

  createFormatter(info: ResponseInfo): ResponseFormatter {
    return imageFormatter(info, this.#request)
  }

  dispatch(provider: Provider, call: ProviderRequest, handler: BatchResponseHandler): ProviderCall {
    const { operation, fields, files, stream } = this.#request
    if (operation === 'generations' && !stream) return provider.send(call, handler)
    const lastEvents = ['image_generation.completed', 'image_edit.completed']
    if (operation === 'generations') return provider.send({ ...call, media: { lastEvents } }, handler)
    if (provider.speaksOpenRouter) return refused(provider, handler)
    const form = multipartBody([['model', call.modelId], ...fields], files)
    return provider.send({ ...call, media: { form, lastEvents } }, handler)
  }
}

interface ImagesSaid {
  readonly data?: unknown
  readonly type?: unknown
  readonly size?: unknown
  readonly quality?: unknown
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function isPricedByImage({ price }: Endpoint): boolean {
  return price?.madeImages !== undefined
}

/** OpenRouter has no route for edits. */
function refused({ displayName }: Provider, handler: ResponseHandler): ProviderCall {
  queueMicrotask(() =>
    handler.onError(
      new BrokerError('upstream-refused', `${displayName} does not change images`, {
        details: { isUnsent: true },
      }),
    ),
  )
  return { wasSent: false, abort: () => undefined, pause: () => undefined, resume: () => undefined }
}
