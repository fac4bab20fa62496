import { z } from 'zod'
import { BrokerError } from '../../base/errors.ts'
import { fieldError } from './field-error.ts'
import { isObject, jsonBodyOf, type JsonBody } from '../json/json-body.ts'
import { spliceFields } from '../json/splice-fields.ts'
import { readPlugins, type RequestedPlugins } from './routing/plugins.ts'
import { parseRoutingPreferences, type RoutingPreferences } from './routing/routing-preferences.ts'

/** The part of a chat request that the broker interprets; all other fields pass through unchanged. */
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

/** A chat request: the fields that we interpret, and the complete body. */
export interface ChatRequest {
  readonly body: JsonBody
  readonly routing: RoutingPreferences
  readonly stream: boolean
  /** The caller's limit of the response, from `max_tokens` or `max_completion_tokens`. */
  readonly maxTokens: number | undefined
  /** The number of requested choices. */
  readonly n: number
  /** Whether reasoning is to be left out of the response. */
  readonly hidesReasoning: boolean
  readonly plugins: RequestedPlugins
}

/** Reads a chat request. Throws `bad-request` naming the field. */
export function parseChatRequest(received: JsonBody): ChatRequest {
  const body = applyThinkingSuffix(received)
  const read = readFields(body)
  const { stream, max_tokens, max_completion_tokens, n } = read
  checkEfforts(read)
  const maxTokens = max_completion_tokens ?? max_tokens ?? undefined
  const plugins = readPlugins(body)
  return {
    body,
    routing: parseRoutingPreferences(body, maxTokens, plugins.supported),
    stream: stream ?? false,
    maxTokens,
    n: n ?? 1,
    hidesReasoning: read.reasoning?.exclude ?? read.include_reasoning === false,
    plugins,
  }
}

/** The suffix `:thinking` of a model's name stands for `reasoning` being enabled; an explicit field wins over the suffix. */
function applyThinkingSuffix(body: JsonBody): JsonBody {
  const { model, reasoning, reasoning_effort: effort } = body.value
  if (typeof model !== 'string' || !model.includes(':thinking')) return body
  if ((reasoning ?? effort ?? undefined) !== undefined) return body
  return jsonBodyOf(spliceFields(body, new Map([['reasoning', '{"enabled":true}']])))
}

type Interpreted = z.infer<typeof interpreted>

/** Most requests can be validated without the schema: in 0.3 µs instead of 5, and in 3 instead of 26 for the first in a while. */
function readFields({ value }: JsonBody): Interpreted {
  if (isPlain(value)) return value
  const parsed = interpreted.safeParse(value)
  if (!parsed.success) throw badField(value)
  return parsed.data
}

/** Whether the value is valid without a look at the schema; never true for a value that the schema refuses. */
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
    // OpenRouter's wording, which clients match.
    return new BrokerError('bad-request', 'Input required: specify "prompt" or "messages"')
  }
  return fieldError(interpreted, value)
}

/** The fields that we read in a chunk or a response. Any may be missing: providers differ. */
export interface ChatChunk {
  readonly id?: unknown
  readonly object?: unknown
  readonly created?: unknown
  readonly system_fingerprint?: unknown
  readonly service_tier?: unknown
  readonly choices?: readonly ChatChoice[] | null | undefined
  /** The vectors of an embedding, which has no choices. */
  readonly data?: unknown
  /** Of a rerank or a moderation. */
  readonly results?: unknown
  readonly usage?: unknown
  readonly x_groq?: unknown
  readonly error?: unknown
  /** The metadata of a response of another aibroker. */
  readonly x_aibroker?: unknown
}

export interface ChatChoice {
  readonly index?: number | undefined
  readonly delta?: ChatDelta | null | undefined
  readonly message?: ChatDelta | null | undefined
  readonly usage?: unknown
  readonly error?: unknown
  readonly finish_reason?: string | null | undefined
  readonly native_finish_reason?: unknown
  /** The text of a text completion, which has no message. */
  readonly text?: unknown
}

export interface ChatDelta {
  readonly content?: unknown
  readonly reasoning?: unknown
  readonly reasoning_content?: unknown
  readonly reasoning_details?: unknown
  readonly refusal?: unknown
  readonly tool_calls?: readonly { readonly function?: CalledFunction }[] | null
  /** OpenAI's older form of `tool_calls`. */
  readonly function_call?: CalledFunction | null
  readonly audio?: { readonly transcript?: unknown } | null
}

interface CalledFunction {
  readonly name?: string
  readonly arguments?: string
}

/**
 * Whether a chunk has output. A role, an empty string or a count alone is none: several providers send that at once, and the
 * first token much later.
 */
export function hasOutput({ choices }: ChatChunk): boolean {
  return (choices ?? []).some((choice) => typeof choice.finish_reason === 'string' || hasContent(choice))
}

/** Whether a choice has content beyond its role. */
export function hasContent({ delta, message, text }: ChatChoice): boolean {
  const content = delta ?? message ?? {}
  return (
    isFilled(text) || Object.entries(content).some(([field, value]) => field !== 'role' && isFilled(value))
  )
}

function isFilled(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false
  return !(Array.isArray(value) && value.length === 0)
}
