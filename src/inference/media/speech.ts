import type { Endpoint } from '../../catalog/catalog.ts'
import type { UsageBounds } from '../../ledger/cost.ts'
import { ZERO_USAGE, type Usage } from '../../ledger/types.ts'
import type { ProviderCall, Provider, ProviderRequest } from '../../providers/provider.ts'
import type { UsageShape } from '../../providers/usage-shape.ts'
import { jsonBodyOf, type JsonBody } from '../../wire/json/json-body.ts'
import { spliceFields } from '../../wire/json/splice-fields.ts'
import type { SpeechRequest } from '../../wire/openai/media/speech.ts'
import type { BatchResponseHandler } from '../request/embedding-batches.ts'
import type { InferenceKind, RequestContext } from '../request/inference-request.ts'
import { passingFormatter } from '../response/media/media-response.ts'
import type { ResponseFormatter, ResponseInfo } from '../response/response-formatter.ts'
import type { ResponseSink } from '../response/response-sink.ts'
import type { InferenceServices } from '../services/services.ts'
import { MediaMeter } from '../usage/media/media-meter.ts'
import { tokenUsageIn } from '../usage/media/media-usage.ts'
import { CHARACTERS_PER_TOKEN, MAX_CHARACTERS_PER_TOKEN } from '../usage/token-ratio.ts'
import { executeMedia } from './execute-media.ts'

/** Has a text spoken: the sound passes to the caller as it comes. Throws like `Execution.execute`. */
export function speech(
  request: SpeechRequest,
  context: RequestContext,
  sink: ResponseSink,
  services: InferenceServices,
): Promise<void> {
  const { body, routing } = request
  const kind = new SpeechKind(request)
  // OpenRouter's default format is another one than OpenAI's.
  const forRouters = { route: 'speech', body: withFormat(request) } as const
  return executeMedia({ kind, body, routing, stream: true, forRouters }, context, sink, services)
}

function withFormat({ body, format }: SpeechRequest): JsonBody {
  if (body.fields.has('response_format')) return body
  return jsonBodyOf(spliceFields(body, new Map([['response_format', JSON.stringify(format)]])))
}

/** Audio tokens that a model gives for each token of text, by what was seen of gpt-4o-mini-tts. */
const AUDIO_TOKENS_PER_TOKEN = 6
/** The most that a character can take: at a quarter of the usual speed, with a third more for pauses. */
const MAX_AUDIO_TOKENS_PER_CHARACTER = 8
const MAX_SILENCE_TOKENS = 256

/** What a request for speech uses at most at an endpoint, by the unit of its price. */
export function maxSpeechUsage(request: SpeechRequest, { price, maxOutputTokens }: Endpoint): UsageBounds {
  const { input, instructions, body } = request
  if (price?.input === undefined && price?.output === undefined)
    return { maxPromptTokens: 0, maxCompletionTokens: 0, maxCharacters: countCharacters(input) }
  const most = MAX_SILENCE_TOKENS + MAX_AUDIO_TOKENS_PER_CHARACTER * (input.length + instructions.length)
  return { maxPromptTokens: body.byteLength, maxCompletionTokens: maxOutputTokens ?? most, isText: true }
}

/** Characters as vendors count them: code points. */
function countCharacters(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}

/** Speech, with what it uses. */
export class SpeechKind implements InferenceKind {
  readonly name = 'speech'
  readonly route = 'speech'
  readonly formatsRouters = true
  readonly #request: SpeechRequest

  constructor(request: SpeechRequest) {
    this.#request = request
  }

  maxUsage(endpoint: Endpoint): UsageBounds {
    return maxSpeechUsage(this.#request, endpoint)
  }

  reasons(): undefined {
    return undefined
  }

  createMeter(_body: JsonBody, endpoint: Endpoint, shape?: UsageShape): MediaMeter {
    const max = this.maxUsage(endpoint)
    if (max.maxCharacters !== undefined) return characterMeter(max.maxCharacters, shape)
    const { input, instructions } = this.#request
    const characters = input.length + instructions.length
    const prompt = Math.ceil(characters / CHARACTERS_PER_TOKEN)
    return new MediaMeter(
      {
        estimate: usageOf(prompt, Math.min(prompt * AUDIO_TOKENS_PER_TOKEN, max.maxCompletionTokens)),
        low: usageOf(Math.ceil(characters / MAX_CHARACTERS_PER_TOKEN), 0),
        high: usageOf(max.maxPromptTokens, max.maxCompletionTokens),
        reportIn: tokenUsageIn,
      },
      shape,
    )
  }

  createFormatter(info: ResponseInfo): ResponseFormatter {
    return passingFormatter(info, CONTENT_TYPES[this.#request.format] ?? 'application/octet-stream')
  }

  dispatch(provider: Provider, call: ProviderRequest, handler: BatchResponseHandler): ProviderCall {
    const media = { expectsSound: true, lastEvents: ['speech.audio.done'] }
    return provider.send({ ...call, media }, handler)
  }
}

function characterMeter(characters: number, shape?: UsageShape): MediaMeter {
  const counted = { ...ZERO_USAGE, characters }
  const known = { counted, estimate: counted, low: counted, high: counted }
  return new MediaMeter({ ...known, reportIn: () => undefined }, shape)
}

/** Sound that is generated: its tokens are the whole of the completion. */
function usageOf(prompt: number, completion: number): Usage {
  return { ...ZERO_USAGE, prompt, completion }
}

/** Where a provider names no type. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  mp3: 'audio/mpeg',
  opus: 'audio/ogg',
  ogg: 'audio/ogg',
  aac: 'audio/aac',
  flac: 'audio/flac',
  wav: 'audio/wav',
  pcm: 'audio/pcm',
  mulaw: 'audio/basic',
}
