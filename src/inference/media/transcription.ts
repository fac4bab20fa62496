import { BrokerError } from '../../base/errors.ts'
import type { Endpoint } from '../../catalog/catalog.ts'
import type { UsageBounds } from '../../ledger/cost.ts'
import { ZERO_USAGE, type Usage } from '../../ledger/types.ts'
import type { ProviderCall, Provider, ProviderRequest } from '../../providers/provider.ts'
import type { UsageShape } from '../../providers/usage-shape.ts'
import type { JsonBody } from '../../wire/json/json-body.ts'
import type { ChatChunk } from '../../wire/openai/chat.ts'
import type { FormField } from '../../wire/openai/media/form-fields.ts'
import type { TranscriptionRequest } from '../../wire/openai/media/transcription.ts'
import { maxCost } from '../budget/worst-case.ts'
import { selectCandidates } from '../candidates/select-candidates.ts'
import { Execution } from '../execution/execution.ts'
import type { BatchResponseHandler } from '../request/embedding-batches.ts'
import type { InferenceKind, InferenceRequest, RequestContext } from '../request/inference-request.ts'
import { multipartBody } from '../request/multipart-body.ts'
import type { ResponseFormatter, ResponseInfo } from '../response/response-formatter.ts'
import type { ResponseSink } from '../response/response-sink.ts'
import { secondsIn, transcriptFormatter } from '../response/media/transcript-response.ts'
import type { InferenceServices } from '../services/services.ts'
import { MediaMeter } from '../usage/media/media-meter.ts'
import { tokenUsageIn } from '../usage/media/media-usage.ts'
import { soundLengthOf, type SoundLength } from './audio-duration.ts'
import { formatToAsk, streamsTranscripts, unservedWish, type Transcriber } from './transcript-formats.ts'

/** Has a sound written down, or translated into English. Throws like `Execution.execute`. */
export async function transcription(
  request: TranscriptionRequest,
  context: RequestContext,
  sink: ResponseSink,
  services: InferenceServices,
): Promise<void> {
  const { body, routing, stream } = request
  const plan = selectCandidates(
    { kind: 'transcription', requested: routing, strategy: services.strategy },
    context,
    services,
  )
  const candidates = capable(plan.candidates, request, services)
  const kind = new TranscriptionKind(request, await soundLengthOf(request.file), services)
  const inference: InferenceRequest = {
    kind,
    body,
    requestedModel: routing.model,
    stream,
    candidates,
    maxCost: maxCost(kind, candidates),
  }
  return await new Execution(inference, context, sink, services).execute()
}

type Services = Pick<InferenceServices, 'catalog' | 'providers'>

/** The candidates that can give what is wanted. Throws `bad-request` when none can. */
function capable(
  candidates: readonly Endpoint[],
  request: TranscriptionRequest,
  services: Services,
): readonly Endpoint[] {
  const reasons = candidates.map((endpoint) => unservedAt(endpoint, request, services))
  const left = candidates.filter((_, at) => reasons[at] === undefined)
  if (left.length > 0) return left
  const [first] = candidates
  throw new BrokerError(
    'bad-request',
    `${first?.id ?? request.routing.model} ${reasons[0] ?? 'can’t serve this'}`,
  )
}

/** Why an endpoint can't write this down as it is wanted; `undefined` when it can. */
export function unservedAt(
  endpoint: Endpoint,
  request: TranscriptionRequest,
  services: Services,
): string | undefined {
  return unservedWish(request, transcriberAt(endpoint, services))
}

function transcriberAt({ model, provider }: Endpoint, { catalog, providers }: Services): Transcriber {
  return {
    capabilities: catalog().models.get(model)?.capabilities ?? [],
    provider: providers().get(provider) ?? {},
  }
}

/** Tokens of a second of sound and of what is said in it: usual, by OpenAI's prices a minute, and at most. */
const AUDIO_TOKENS_PER_SECOND = 17
const MAX_AUDIO_TOKENS_PER_SECOND = 50
const TEXT_TOKENS_PER_SECOND = 3
const MAX_TEXT_TOKENS_PER_SECOND = 10
const MAX_EXTRA_TOKENS = 256

/** A sound to be written down, with what it uses. */
export class TranscriptionKind implements InferenceKind {
  readonly name = 'transcription'
  readonly route: 'transcriptions' | 'translations'
  readonly formatsRouters = true
  readonly #request: TranscriptionRequest
  readonly #length: SoundLength
  readonly #services: Services

  constructor(request: TranscriptionRequest, length: SoundLength, services: Services) {
    this.route = request.translates ? 'translations' : 'transcriptions'
    this.#request = request
    this.#length = length
    this.#services = services
  }

  maxUsage(endpoint: Endpoint): UsageBounds {
    const { ms } = this.#length
    if (!isPricedByTokens(endpoint)) return { maxPromptTokens: 0, maxCompletionTokens: 0, maxSoundMs: ms }
    const { prompt, completion } = this.#mostTokens(ms)
    return { maxPromptTokens: prompt, maxCompletionTokens: completion }
  }

  /** The words of the prompt, and every other field, count as well. */
  #mostTokens(ms: number): Usage {
    const seconds = Math.ceil(ms / 1000)
    const words = this.#request.fields.reduce((sum, [, value]) => sum + Buffer.byteLength(value), 0)
    return {
      ...ZERO_USAGE,
      prompt: seconds * MAX_AUDIO_TOKENS_PER_SECOND + words + MAX_EXTRA_TOKENS,
      completion: seconds * MAX_TEXT_TOKENS_PER_SECOND + MAX_EXTRA_TOKENS,
    }
  }

  reasons(): undefined {
    return undefined
  }

  createMeter(_body: JsonBody, endpoint: Endpoint, shape?: UsageShape): MediaMeter {
    const { ms, minMs, maxMs } = this.#length
    if (!isPricedByTokens(endpoint)) {
      const reportIn = (response: ChatChunk): Usage | undefined =>
        soundIn(response) ?? (endpoint.price === undefined ? tokenUsageIn(response) : undefined)
      return new MediaMeter(
        { estimate: soundOf(ms), low: soundOf(minMs), high: soundOf(maxMs), reportIn },
        shape,
      )
    }
    const seconds = Math.ceil(ms / 1000)
    const prompt = seconds * AUDIO_TOKENS_PER_SECOND
    return new MediaMeter(
      {
        estimate: {
          ...ZERO_USAGE,
          prompt,
          audioPrompt: prompt,
          completion: seconds * TEXT_TOKENS_PER_SECOND,
        },
        low: ZERO_USAGE,
        high: this.#mostTokens(maxMs),
        reportIn: tokenUsageIn,
      },
      shape,
    )
  }

  createFormatter(info: ResponseInfo): ResponseFormatter {
    return transcriptFormatter(info, this.#request)
  }

  dispatch(provider: Provider, call: ProviderRequest, handler: BatchResponseHandler): ProviderCall {
    const { fields, file, format, stream } = this.#request
    const endpoint = this.#services.catalog().endpoints.get(`${provider.id}/${call.modelId}`)
    const capabilities = this.#services.catalog().models.get(endpoint?.model ?? '')?.capabilities ?? []
    const asked = formatToAsk(format, { capabilities, provider }) ?? format
    const streams = stream && streamsTranscripts({ capabilities })
    const set: FormField[] = [
      ['model', call.modelId],
      ['response_format', streams ? 'json' : asked],
      ...(streams ? [['stream', 'true'] as const] : []),
    ]
    const form = multipartBody([...set, ...fields], [{ name: 'file', file }])
    return provider.send(
      { ...call, stream: streams, media: { form, lastEvents: ['transcript.text.done'] } },
      handler,
    )
  }
}

function isPricedByTokens({ price }: Endpoint): boolean {
  return price !== undefined && price.hours === undefined && (price.input ?? price.audioInput) !== undefined
}

function soundIn(response: ChatChunk): Usage | undefined {
  const seconds = secondsIn(response)
  return seconds === undefined ? undefined : soundOf(Math.round(seconds * 1000))
}

function soundOf(soundMs: number): Usage {
  return { ...ZERO_USAGE, soundMs }
}
