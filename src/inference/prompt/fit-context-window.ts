import type { Endpoint } from '../../catalog/catalog.ts'
import type { JsonBody } from '../../wire/json/json-body.ts'
import type { OwnPlugins } from '../../wire/openai/plugins.ts'
import type { RoutingWishes } from '../../wire/openai/routing-preferences.ts'
import type { Errand, Fitting } from '../request/inference-request.ts'
import { middleOut, type PromptSize } from './middle-out.ts'
import type { Rooms } from '../services/services.ts'
import type { TokenCounter } from '../usage/token-counter.ts'

/** OpenRouter compresses by default for endpoints whose context window is not larger than this; so does the broker. */
const SMALL_WINDOW = 8192
/** The share of the window that is kept for the completion when the request sets no maximum. */
const SHARE_OF_ANSWER = 1 / 8
/** Hardly any text has fewer bytes per token than this; a prompt that fits by this measure is not counted. */
const LEAST_BYTES_PER_TOKEN = 2
/** The model's own tokenizer may count a little more than ours. */
const MARGIN = 0.95

/** The parts of a request that matter for its length. */
export interface Fittable {
  readonly body: JsonBody
  readonly maxTokens: number | undefined
  readonly plugins: OwnPlugins
  readonly wishes: RoutingWishes
}

/**
 * The request with its prompt compressed to the context window of each endpoint for which it is too long: `transforms:
 * ["middle-out"]` and its newer name, the plugin `context-compression`. A router upstream does this itself.
 */
export function fitted(errand: Errand, request: Fittable, rooms: Rooms): Errand | Promise<Errand> {
  const { compresses } = request.plugins
  if (compresses === false) return errand
  if (compresses === undefined && !errand.candidates.some(isSmall)) return errand
  const tight = errand.candidates.filter((endpoint) => mayBeTooLong(request, endpoint, rooms))
  return tight.length === 0 ? errand : fittedTo(tight, errand, request, rooms)
}

function isSmall({ contextWindow }: Endpoint): boolean {
  return contextWindow !== undefined && contextWindow <= SMALL_WINDOW
}

function mayBeTooLong(request: Fittable, endpoint: Endpoint, { providers }: Rooms): boolean {
  const { contextWindow: window } = endpoint
  if (window === undefined || (request.plugins.compresses !== true && !isSmall(endpoint))) return false
  const room = roomIn(window, request, endpoint)
  return (
    room > 0 &&
    request.body.byteLength > room * LEAST_BYTES_PER_TOKEN &&
    providers().get(endpoint.provider)?.speaksOpenRouter !== true
  )
}

function roomIn(window: number, { maxTokens }: Fittable, { maxOutputTokens }: Endpoint): number {
  const usual = Math.min(maxOutputTokens ?? window, window * SHARE_OF_ANSWER)
  return Math.floor((window - (maxTokens ?? usual)) * MARGIN)
}

async function fittedTo(
  tight: readonly Endpoint[],
  errand: Errand,
  request: Fittable,
  { tokenCounter }: Rooms,
): Promise<Errand> {
  const size = await sizeOf(request.body, errand.modelAsked, tokenCounter)
  const fits = new Map<string, Fitting>()
  for (const endpoint of tight) {
    const room = roomIn(endpoint.contextWindow ?? 0, request, endpoint)
    const compressed = middleOut(request.body, size, room)
    if (compressed === undefined) continue
    const { body, removed, shortened } = compressed
    fits.set(endpoint.id, {
      body,
      note: { context_compression: { engine: 'middle-out', removed, shortened } },
    })
  }
  if (fits.size === 0) return errand
  // No stream recovery: the endpoint that continues a broken response would need the prompt as the first endpoint got it.
  const { order, sort } = request.wishes.preferences
  const isOrdered = order !== undefined || sort !== undefined
  const candidates = isOrdered ? errand.candidates : wholeFirst(errand.candidates, fits)
  return { ...errand, candidates, mayBeRescued: false, fitting: fits }
}

/** Within a model, endpoints that can take the whole prompt come before those that cannot. */
function wholeFirst(
  candidates: readonly Endpoint[],
  fits: ReadonlyMap<string, Fitting>,
): readonly Endpoint[] {
  const models = [...new Set(candidates.map(({ model }) => model))]
  const place = ({ id, model }: Endpoint): number => models.indexOf(model) * 2 + (fits.has(id) ? 1 : 0)
  return [...candidates].sort((a, b) => place(a) - place(b))
}

/** Tokens that a chat template adds to a message. */
const PER_MESSAGE = 4
/** Tokens that many models count for an image, a sound or a file. */
const PER_MEDIUM = 1000
/** Used when the tokenizer could not count. */
const BYTES_PER_TOKEN = 3

async function sizeOf(body: JsonBody, model: string, counter: TokenCounter | undefined): Promise<PromptSize> {
  const { messages, tools } = body.value
  const asked = (messages as readonly unknown[]).map(textAndMedia)
  const texts = [...asked.map(({ text }) => text), tools === undefined ? '' : JSON.stringify(tools)]
  const counts = await counter?.count(model, texts)
  const tokens = counts ?? texts.map((text) => Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN))
  return {
    messages: asked.map(({ media }, at) => (tokens[at] ?? 0) + media * PER_MEDIUM + PER_MESSAGE),
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
