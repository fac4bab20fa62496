import { z } from 'zod'
import { BrokerError } from '../../base/errors.ts'
import { fieldFault } from './field-error.ts'
import { isObject, jsonBodyOf, type JsonBody } from '../json/json-body.ts'
import { spliceFields } from '../json/splice-fields.ts'
import { ownPlugins, type OwnPlugins } from './plugins.ts'
import { parseWishes, type RoutingWishes } from './routing-preferences.ts'

/** The part of a chat request that the broker interprets; all else passes on as it came. */
const interpreted = z.looseObject({
  messages: z.array(z.looseObject({ role: z.string() })).min(1),
  stream: z.boolean().nullish(),
  max_tokens: z.int().min(0).nullish(),
  max_completion_tokens: z.int().min(0).nullish(),
  n: z.int().min(1).max(128).nullish(),
  stream_options: z.looseObject({}).nullish(),
  reasoning: z
    .looseObject({
      effort: z.string().nullish(),
      max_tokens: z.int().min(0).nullish(),
      exclude: z.boolean().nullish(),
      enabled: z.boolean().nullish(),
    })
    .nullish(),
  reasoning_effort: z.string().nullish(),
  include_reasoning: z.boolean().nullish(),
})

/** A chat request: what we read of it, and the bytes that carry everything. */
export interface ChatRequest {
  readonly body: JsonBody
  readonly wishes: RoutingWishes
  readonly streamed: boolean
  /** The caller's own bound on the answer, whichever field it came in. */
  readonly maxTokens: number | undefined
  /** How many answers were asked for. */
  readonly choices: number
  /** Thoughts are to be kept out of the answer. */
  readonly hidesReasoning: boolean
  readonly plugins: OwnPlugins
}

/** Reads a chat request. Throws `bad-request` naming the field. */
export function parseChatRequest(said: JsonBody): ChatRequest {
  const body = thinking(said)
  const read = readFields(body)
  const { stream, max_tokens, max_completion_tokens, n } = read
  checkEfforts(read)
  const maxTokens = max_completion_tokens ?? max_tokens ?? undefined
  const plugins = ownPlugins(body)
  return {
    body,
    wishes: parseWishes(body, maxTokens, plugins.able),
    streamed: stream ?? false,
    maxTokens,
    choices: n ?? 1,
    hidesReasoning: read.reasoning?.exclude ?? read.include_reasoning === false,
    plugins,
  }
}

/** The suffix `:thinking` says of a model's name what `reasoning` says of a request; whoever says both means the latter. */
function thinking(body: JsonBody): JsonBody {
  const { model, reasoning, reasoning_effort: effort } = body.value
  if (typeof model !== 'string' || !model.includes(':thinking')) return body
  if ((reasoning ?? effort ?? undefined) !== undefined) return body
  return jsonBodyOf(spliceFields(body, new Map([['reasoning', '{"enabled":true}']])))
}

type Interpreted = z.infer<typeof interpreted>

/** Most requests are seen to be right without a schema: 0.3 µs instead of 5, and 3 instead of 26 for the first in a while. */
function readFields({ value }: JsonBody): Interpreted {
  if (isPlain(value)) return value
  const parsed = interpreted.safeParse(value)
  if (!parsed.success) throw badField(value)
  return parsed.data
}

/** Never true for what the schema refuses. */
function isPlain(
  value: Readonly<Record<string, unknown>>,
): value is Readonly<Record<string, unknown>> & Interpreted {
  const { messages, n, stream_options: options, reasoning_effort: effort } = value
  return (
    value['reasoning'] === undefined &&
    isTrueOrFalse(value['stream']) &&
    isTrueOrFalse(value['include_reasoning']) &&
    isCount(value['max_tokens']) &&
    isCount(value['max_completion_tokens']) &&
    (n === undefined || n === 1) &&
    (options === undefined || isObject(options)) &&
    (effort === undefined || typeof effort === 'string') &&
    Array.isArray(messages) &&
    areMessages(messages)
  )
}

function isTrueOrFalse(value: unknown): boolean {
  return value === undefined || typeof value === 'boolean'
}

function isCount(value: unknown): boolean {
  return value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0)
}

function areMessages(messages: readonly unknown[]): boolean {
  if (messages.length === 0) return false
  for (const message of messages) {
    if (typeof message !== 'object' || message === null || Array.isArray(message)) return false
    if (typeof (message as { role?: unknown }).role !== 'string') return false
  }
  return true
}

function checkEfforts({ reasoning, reasoning_effort: shorthand }: Interpreted): void {
  const effort = reasoning?.effort ?? shorthand
  if (effort === (shorthand ?? effort)) return
  throw new BrokerError('bad-request', 'reasoning.effort and reasoning_effort contradict each other')
}

function badField(value: Readonly<Record<string, unknown>>): BrokerError {
  if (value['messages'] === undefined) {
    // OpenRouter's wording, which clients match on.
    return new BrokerError('bad-request', 'Input required: specify "prompt" or "messages"')
  }
  return fieldFault(interpreted, value)
}

/** More than any model reads or says, and less than what the books can hold at any price. */
const MOST_TOKENS = 1_000_000_000
const count = z.int().min(0).max(MOST_TOKENS).nullish()

/** What is said beside the counts of an answer takes nothing away from them when it makes no sense. */
const part = count.catch(undefined)

/** OpenAI's usage object, as loosely as providers send it. */
const wireUsage = z.looseObject({
  prompt_tokens: count,
  completion_tokens: count,
  prompt_tokens_details: z
    .looseObject({ cached_tokens: part, cache_write_tokens: part, audio_tokens: part, image_tokens: part })
    .nullish()
    .catch(undefined),
  completion_tokens_details: z
    .looseObject({ reasoning_tokens: part, audio_tokens: part })
    .nullish()
    .catch(undefined),
  /** DeepSeek's name for `cached_tokens`. */
  prompt_cache_hit_tokens: part,
  /** US dollars; OpenRouter's. */
  cost: z.number().nullish().catch(undefined),
})

export type WireUsage = z.infer<typeof wireUsage>

/** Reads a usage object; `undefined` when it is none or makes no sense. */
export function parseWireUsage(value: unknown): WireUsage | undefined {
  if (isPlainUsage(value)) return value
  const parsed = wireUsage.safeParse(value)
  if (!parsed.success) return undefined
  return typeof parsed.data.prompt_tokens === 'number' ? parsed.data : undefined
}

/** Nothing but counts, which is what most providers say; never true for what the schema refuses. */
function isPlainUsage(value: unknown): value is WireUsage & { readonly prompt_tokens: number } {
  if (!isObject(value) || typeof value['prompt_tokens'] !== 'number') return false
  for (const name in value) {
    const said = value[name]
    const isDetails = name.endsWith('_details')
    if (isDetails ? !(isObject(said) && Object.values(said).every(isTokens)) : !isTokens(said)) return false
  }
  return true
}

function isTokens(value: unknown): boolean {
  return isCount(value) && ((value ?? 0) as number) <= MOST_TOKENS
}

/** What we look at in a chunk or an answer. Everything may be missing: providers differ. */
export interface ChatChunk {
  readonly id?: unknown
  readonly object?: unknown
  readonly created?: unknown
  readonly system_fingerprint?: unknown
  readonly service_tier?: unknown
  readonly choices?: readonly ChatChoice[] | null | undefined
  /** In place of choices: the vectors of an embedding. */
  readonly data?: unknown
  readonly usage?: unknown
  readonly error?: unknown
  /** What a broker of our own kind says of its answer. */
  readonly x_aibroker?: unknown
}

export interface ChatChoice {
  readonly index?: number | undefined
  readonly delta?: ChatDelta | null | undefined
  readonly message?: ChatDelta | null | undefined
  readonly error?: unknown
  readonly finish_reason?: string | null | undefined
  readonly native_finish_reason?: unknown
  /** In place of a message: what a text completion says. */
  readonly text?: unknown
}

export interface ChatDelta {
  readonly content?: unknown
  readonly reasoning?: unknown
  readonly reasoning_content?: unknown
  readonly reasoning_details?: unknown
  readonly refusal?: unknown
  readonly tool_calls?:
    | readonly { readonly function?: { readonly name?: string; readonly arguments?: string } }[]
    | null
}

/**
 * Whether a chunk holds a piece of the answer. A role, an empty string or a count alone is only the promise of one:
 * several providers send it at once and then think.
 */
export function saysSomething({ choices }: ChatChunk): boolean {
  return (choices ?? []).some((choice) => typeof choice.finish_reason === 'string' || hasContent(choice))
}

function hasContent({ delta, message, text }: ChatChoice): boolean {
  const said = delta ?? message ?? {}
  return isFilled(text) || Object.entries(said).some(([field, value]) => field !== 'role' && isFilled(value))
}

function isFilled(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false
  return !(Array.isArray(value) && value.length === 0)
}
