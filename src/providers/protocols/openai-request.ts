import { isObject } from '../../wire/json/json-body.ts'
import { spliceFields } from '../../wire/json/splice-fields.ts'
import type { Question, Quirks } from '../provider.ts'

/**
 * Fields of OpenRouter's request that steer a router and mean nothing to a provider; OpenAI and others answer 400 to a
 * field they don't know. Each is honoured by the broker or refused there before a provider is asked.
 */
const ROUTER_FIELDS = [
  'models',
  'provider',
  'route',
  'transforms',
  'plugins',
  'preset',
  'usage',
  'trace',
  'session_id',
  'debug',
  'metadata', // OpenAI takes it only with `store`
  'include_reasoning',
  'structured_outputs',
  'image_config',
  'cache_control',
  'prompt_cache_options',
  'max_tool_calls',
  'stop_server_tools_when',
  'x_search_filter',
  'service_tier', // other tiers have other prices, which the catalogue doesn't know
]
const STEERS_ROUTERS: ReadonlySet<string> = new Set(ROUTER_FIELDS)

/** The body that a provider sees: the caller's bytes with the few fields spliced that must differ. */
export function bodyFor(question: Question, quirks: Quirks): string {
  const changes: Changes = new Map()
  changes.set('model', JSON.stringify(question.modelId))
  if (question.streamed && quirks.refusesStreamOptions !== true) askForUsage(question, changes)
  if (quirks.refusesStreamOptions === true) changes.set('stream_options', undefined)
  if (quirks.speaksOpenRouter === true) leaveTheWalkToUs(question, changes)
  else speakPlainly(question, quirks, changes)
  if (quirks.maxTokensField !== undefined) renameMaxTokens(question, quirks.maxTokensField, changes)
  return spliceFields(question.body, changes)
}

type Changes = Map<string, string | undefined>

/** A router is asked for one model; the next one is ours to ask. Preferences pass on, without our own name for it. */
function leaveTheWalkToUs({ body }: Question, changes: Changes): void {
  for (const field of ['models', 'route']) if (body.fields.has(field)) changes.set(field, undefined)
  const preferences = body.value['provider']
  if (!isObject(preferences)) return
  const lists = ['order', 'only', 'ignore'].filter((name) => namesUs(preferences[name]))
  if (lists.length === 0) return
  const left = { ...preferences }
  for (const name of lists) {
    const others = (preferences[name] as readonly unknown[]).filter((slug) => slug !== ROUTER)
    if (others.length === 0) delete left[name]
    else left[name] = others
  }
  changes.set('provider', JSON.stringify(left))
}

/** How callers name OpenRouter itself among our providers. */
const ROUTER = 'openrouter'

function namesUs(list: unknown): boolean {
  return Array.isArray(list) && list.includes(ROUTER)
}

/** OpenAI's dialect for who knows no other. */
function speakPlainly(question: Question, quirks: Quirks, changes: Changes): void {
  const { body } = question
  const { drops } = quirks
  for (const field of body.fields.keys())
    if (STEERS_ROUTERS.has(field) || drops?.includes(field) === true) changes.set(field, undefined)
  sayReasoningPlainly(question, changes)
  if (quirks.takesCacheControl !== true && body.fields.has('messages')) dropBreakpoints(question, changes)
}

/** `reasoning` becomes OpenAI's `reasoning_effort`; a model that doesn't reason is told nothing of it. */
function sayReasoningPlainly({ body, reasons }: Question, changes: Changes): void {
  const { reasoning, reasoning_effort: said } = body.value
  if (body.fields.has('reasoning')) changes.set('reasoning', undefined)
  if (reasons === false) {
    if (body.fields.has('reasoning_effort')) changes.set('reasoning_effort', undefined)
    return
  }
  if (said !== undefined && said !== null) return
  const effort = isObject(reasoning) ? effortOf(reasoning, body.value) : undefined
  if (effort !== undefined) changes.set('reasoning_effort', JSON.stringify(effort))
}

/** OpenRouter's shares of the answer that each effort may think for. */
const EFFORT_SHARES = [
  ['minimal', 0.1],
  ['low', 0.2],
  ['medium', 0.5],
  ['high', 0.8],
] as const

function effortOf(
  reasoning: Readonly<Record<string, unknown>>,
  request: Readonly<Record<string, unknown>>,
): string | undefined {
  const { effort, max_tokens: budget, enabled } = reasoning
  if (typeof effort === 'string') return effort === 'max' || effort === 'xhigh' ? 'high' : effort
  if (enabled === false) return 'none'
  const most = request['max_completion_tokens'] ?? request['max_tokens']
  if (typeof budget === 'number' && typeof most === 'number' && most > 0)
    return EFFORT_SHARES.find(([, share]) => budget <= share * most)?.[0] ?? 'high'
  return enabled === true || typeof budget === 'number' ? 'medium' : undefined
}

const MARKS = ['cache_control', 'prompt_cache_breakpoint'] as const

/** Marks for caches that this provider doesn't have; OpenAI caches by itself and refuses the field. */
function dropBreakpoints({ body }: Question, changes: Changes): void {
  // One rare syllable of both, without the quotes that JSON is full of: 1.7 instead of 10 µs for 17 KB.
  if (!body.text.includes('cache_')) return
  for (const field of ['messages', 'tools'])
    if (body.fields.has(field)) changes.set(field, JSON.stringify(body.value[field], withoutMarks))
}

function withoutMarks(name: string, value: unknown): unknown {
  return (MARKS as readonly string[]).includes(name) ? undefined : value
}

/** Without `include_usage` most providers end a stream without saying what it cost. */
function askForUsage({ body }: Question, changes: Map<string, string | undefined>): void {
  const given = body.value['stream_options'] as Record<string, unknown> | null | undefined
  if (given?.['include_usage'] === true) return
  changes.set('stream_options', JSON.stringify({ ...given, include_usage: true }))
}

function renameMaxTokens(
  { body }: Question,
  field: 'max_tokens' | 'max_completion_tokens',
  changes: Map<string, string | undefined>,
): void {
  const other = field === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens'
  const value = body.value[other]
  if (typeof value !== 'number') return
  changes.set(other, undefined)
  changes.set(field, String(value))
}
