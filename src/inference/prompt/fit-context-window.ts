import type { Endpoint } from '../../catalog/catalog.ts'
import type { JsonBody } from '../../wire/json/json-body.ts'
import type { RequestedPlugins } from '../../wire/openai/routing/plugins.ts'
import type { RoutingPreferences } from '../../wire/openai/routing/routing-preferences.ts'
import type { InferenceRequest, CompressedPrompt } from '../request/inference-request.ts'
import { middleOut, type PromptSize } from './middle-out.ts'
import type { InferenceServices } from '../services/services.ts'
import type { TokenCounter } from '../usage/token-counter.ts'
import { CAUTIOUS_BYTES_PER_TOKEN, MIN_BYTES_PER_TOKEN } from '../usage/token-ratio.ts'

/** OpenRouter compresses by default for endpoints whose context window is not larger than this; so does the broker. */
const SMALL_WINDOW = 8192
/** The share of the window that is kept for the completion when the request sets no maximum. */
const COMPLETION_SHARE = 1 / 8
/** The model's own tokenizer may count a little more than ours. */
const MARGIN = 0.95

/** The parts of a request that matter for its length. */
export interface FittableRequest {
  readonly body: JsonBody
  readonly maxTokens: number | undefined
  readonly plugins: RequestedPlugins
  readonly routing: RoutingPreferences
}

/**
 * The request with its prompt compressed to the context window of each endpoint for which it is too long: `transforms:
 * ["middle-out"]` and its newer name, the plugin `context-compression`. A router upstream does this itself.
 */
export function fitContextWindow(
  inferenceRequest: InferenceRequest,
  request: FittableRequest,
  services: InferenceServices,
): InferenceRequest | Promise<InferenceRequest> {
  const { compresses } = request.plugins
  if (compresses === false) return inferenceRequest
  if (compresses === undefined && !inferenceRequest.candidates.some(isSmall)) return inferenceRequest
  const tight = inferenceRequest.candidates.filter((endpoint) => mayBeTooLong(request, endpoint, services))
  return tight.length === 0 ? inferenceRequest : compressFor(tight, inferenceRequest, request, services)
}

function isSmall({ contextWindow }: Endpoint): boolean {
  return contextWindow !== undefined && contextWindow <= SMALL_WINDOW
}

function mayBeTooLong(
  request: FittableRequest,
  endpoint: Endpoint,
  { providers }: InferenceServices,
): boolean {
  const { contextWindow: window } = endpoint
  if (window === undefined || (request.plugins.compresses !== true && !isSmall(endpoint))) return false
  const limit = promptTokenLimit(window, request, endpoint)
  // A prompt that fits by the shortest tokens is not counted.
  return (
    limit > 0 &&
    request.body.byteLength > limit * MIN_BYTES_PER_TOKEN &&
    providers().get(endpoint.provider)?.speaksOpenRouter !== true
  )
}

function promptTokenLimit(
  window: number,
  { maxTokens }: FittableRequest,
  { maxOutputTokens }: Endpoint,
): number {
  const usual = Math.min(maxOutputTokens ?? window, window * COMPLETION_SHARE)
  return Math.floor((window - (maxTokens ?? usual)) * MARGIN)
}

async function compressFor(
  tight: readonly Endpoint[],
  inferenceRequest: InferenceRequest,
  request: FittableRequest,
  { tokenCounter }: InferenceServices,
): Promise<InferenceRequest> {
  const size = await sizeOf(request.body, inferenceRequest.requestedModel, tokenCounter)
  const fits = new Map<string, CompressedPrompt>()
  for (const endpoint of tight) {
    const limit = promptTokenLimit(endpoint.contextWindow ?? 0, request, endpoint)
    const compressed = middleOut(request.body, size, limit)
    if (compressed === undefined) continue
    const { body, removed, shortened } = compressed
    fits.set(endpoint.id, {
      body,
      note: { context_compression: { engine: 'middle-out', removed, shortened } },
    })
  }
  if (fits.size === 0) return inferenceRequest
  // No stream recovery: the endpoint that continues a broken response would need the prompt as the first endpoint got it.
  const { order, sort } = request.routing.preferences
  const isOrdered = order !== undefined || sort !== undefined
  const candidates = isOrdered
    ? inferenceRequest.candidates
    : uncompressedFirst(inferenceRequest.candidates, fits)
  return { ...inferenceRequest, candidates, mayResume: false, compressed: fits }
}

/** Within a model, endpoints that can take the whole prompt come before those that cannot. */
function uncompressedFirst(
  candidates: readonly Endpoint[],
  fits: ReadonlyMap<string, CompressedPrompt>,
): readonly Endpoint[] {
  const models = [...new Set(candidates.map(({ model }) => model))]
  const place = ({ id, model }: Endpoint): number => models.indexOf(model) * 2 + (fits.has(id) ? 1 : 0)
  return [...candidates].sort((a, b) => place(a) - place(b))
}

/** Tokens that a chat template adds to a message. */
const PER_MESSAGE = 4
/** Tokens that many models count for an image, a sound or a file. */
const PER_MEDIUM = 1000

async function sizeOf(body: JsonBody, model: string, counter: TokenCounter | undefined): Promise<PromptSize> {
  const { messages, tools } = body.value
  const contents = (messages as readonly unknown[]).map(textAndMedia)
  const texts = [...contents.map(({ text }) => text), tools === undefined ? '' : JSON.stringify(tools)]
  const counts = await counter?.count(model, texts)
  const tokens = counts ?? texts.map((text) => Math.ceil(Buffer.byteLength(text) / CAUTIOUS_BYTES_PER_TOKEN))
  return {
    messages: contents.map(({ media }, at) => (tokens[at] ?? 0) + media * PER_MEDIUM + PER_MESSAGE),
    rest: tokens.at(-1) ?? 0,
  }
}

function textAndMedia(message: unknown): { text: string; media: number } {
  const { content, tool_calls: calls } = message as { content?: unknown; tool_calls?: unknown }
  const called = calls === undefined || calls === null ? '' : JSON.stringify(calls)
  if (typeof content === 'string') return { text: content + called, media: 0 }
  const parts = Array.isArray(content) ? (content as readonly ({ text?: unknown } | null)[]) : []
  const texts = parts.flatMap((part) => (typeof part?.text === 'string' ? [part.text] : []))
  return { text: [...texts, called].join('\n'), media: parts.length - texts.length }
}
