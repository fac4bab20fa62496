import { BrokerError } from '../../../base/errors.ts'
import { truncate } from '../../../base/text.ts'
import { DIALECT_FIELDS } from '../../../dialects/chat-vocabulary.ts'
import { narrowChat } from '../../../dialects/chat/narrow-chat.ts'
import { withoutSealedThoughts } from '../../../dialects/chat/narrow-messages.ts'
import { mayHaveSeal } from '../../../dialects/sealed-thinking.ts'
import { isObject, jsonBodyOf, type JsonBody } from '../../../wire/json/json-body.ts'
import { spliceFields } from '../../../wire/json/splice-fields.ts'
import type { ProviderRequest, Quirks } from '../../provider.ts'
import type { MessageRules, RequestRules, SchemaRules } from '../../request-rules/request-rules.ts'
import { changeMessages, linkedImage } from './request-messages.ts'
import { changeParameters, changeReasoning, leaveOut, type RequestChanges } from './request-parameters.ts'
import { changeResponseFormat, changeTools } from './request-schemas.ts'

/**
 * Fields of OpenRouter's request that steer a router and mean nothing to a provider; OpenAI and others respond with 400 to
 * unknown fields. The broker applies each of them itself, or refuses it before a provider gets the request.
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
  'service_tier', // other tiers have other prices, which the catalog does not have
]
const IS_ROUTER_FIELD: ReadonlySet<string> = new Set(ROUTER_FIELDS)

/** A request as a provider gets it. */
export interface PreparedRequest {
  readonly body: string
  /** Names of what the caller asked for and the provider does not take. */
  readonly leftOut: readonly string[]
  /** Why the provider cannot take the request at all. */
  readonly refusal?: BrokerError | undefined
}

const NOTHING: readonly string[] = []

/**
 * The request for a provider: the caller's bytes, with only those fields replaced that must differ.
 * @param rules of the vendor for the model.
 */
export function prepareRequest(
  received: ProviderRequest,
  quirks: Quirks,
  rules: RequestRules | undefined,
): PreparedRequest {
  const changes: RequestChanges = { fields: new Map(), leftOut: new Set() }
  const request = fromOtherDialect(received, quirks, changes)
  const { fields, leftOut } = changes
  fields.set('model', JSON.stringify(request.modelId))
  if (request.stream && request.media === undefined && quirks.refusesStreamOptions !== true)
    requestUsage(request, fields)
  if (quirks.refusesStreamOptions === true) fields.set('stream_options', undefined)
  if (quirks.speaksOpenRouter === true) prepareForRouter(request, fields)
  else prepareForProvider(request, quirks, rules, changes)
  if (quirks.maxTokensField !== undefined) renameMaxTokens(request, quirks.maxTokensField, fields)
  const body = spliceFields(request.body, fields)
  const refusal = rules?.messages?.inlineImagesOnly === true ? refusalOfLinks(request) : undefined
  return { body, leftOut: leftOut.size === 0 ? NOTHING : [...leftOut], refusal }
}

/** A request that came in another dialect is reduced to chat completions first. Throws `not-carried`. */
function fromOtherDialect(
  request: ProviderRequest,
  {
    speaksOpenRouter = false,
    acceptsCacheControl = speaksOpenRouter,
    takesLateSystem = speaksOpenRouter,
  }: Quirks,
  { leftOut }: RequestChanges,
): ProviderRequest {
  const { body, isReasoningModel } = request
  if (!body.fields.has(DIALECT_FIELDS)) return mayHaveSeal(body.text) ? unsealed(request, leftOut) : request
  const { changes, dropped = NOTHING } = narrowChat(body.value, {
    reasons: speaksOpenRouter || isReasoningModel === true,
    takesCacheMarks: acceptsCacheControl,
    takesReasoning: speaksOpenRouter,
    takesLateSystem,
  })
  for (const name of dropped) leftOut.add(name)
  return { ...request, body: jsonBodyOf(spliceFields(body, changes)) }
}

/** A chat whose history has thoughts of another provider, which alone can use them. */
function unsealed(request: ProviderRequest, leftOut: Set<string>): ProviderRequest {
  const { messages } = request.body.value
  if (!Array.isArray(messages)) return request
  leftOut.add('reasoning_details')
  const changes = new Map([['messages', JSON.stringify(withoutSealedThoughts(messages))]])
  return { ...request, body: jsonBodyOf(spliceFields(request.body, changes)) }
}

/** We fetch nothing that a request names: its address could be inside our network. */
function refusalOfLinks({ body }: ProviderRequest): BrokerError | undefined {
  const { messages } = body.value
  const link = Array.isArray(messages) ? linkedImage(messages) : undefined
  if (link === undefined) return undefined
  return new BrokerError(
    'upstream-refused',
    `this provider takes images only inside the request: send ${truncate(link)} as a data: URL`,
    { details: { isUnsent: true } },
  )
}

/** A router gets one model only, because fallback is done here. Preferences pass through without our slug for the router. */
function prepareForRouter({ body }: ProviderRequest, changes: Map<string, string | undefined>): void {
  for (const field of ['models', 'route']) if (body.fields.has(field)) changes.set(field, undefined)
  const preferences = body.value['provider']
  if (!isObject(preferences)) return
  const lists = ['order', 'only', 'ignore'].filter((name) => includesRouter(preferences[name]))
  if (lists.length === 0) return
  const changed = { ...preferences }
  for (const name of lists) {
    const others = (preferences[name] as readonly unknown[]).filter((slug) => slug !== ROUTER)
    if (others.length === 0) delete changed[name]
    else changed[name] = others
  }
  changes.set('provider', JSON.stringify(changed))
}

/** The slug by which callers name OpenRouter itself among our providers. */
const ROUTER = 'openrouter'

function includesRouter(list: unknown): boolean {
  return Array.isArray(list) && list.includes(ROUTER)
}

/** Reduces the request to OpenAI's protocol, in the words of the vendor. */
function prepareForProvider(
  request: ProviderRequest,
  quirks: Quirks,
  rules: RequestRules | undefined,
  changes: RequestChanges,
): void {
  const { body } = request
  for (const field of body.fields.keys()) if (IS_ROUTER_FIELD.has(field)) changes.fields.set(field, undefined)
  if (body.fields.has('service_tier')) changes.leftOut.add('service_tier')
  if (quirks.droppedFields !== undefined) leaveOut(body, quirks.droppedFields, changes)
  translateReasoning(request, rules, changes)
  if (rules !== undefined) changeParameters(body, rules, changes)
  const removesMarks = quirks.acceptsCacheControl !== true && hasCacheMarks(body)
  if (request.route === 'chat' && rules?.messages !== undefined)
    replaceMessages(body, rules.messages, removesMarks, changes)
  else if (removesMarks) replace('messages', body.value['messages'], removesMarks, body, changes)
  if (rules?.schemas !== undefined) replaceSchemas(body, rules.schemas, removesMarks, changes)
  else if (removesMarks) replace('tools', body.value['tools'], removesMarks, body, changes)
}

/** `reasoning` becomes `reasoning_effort` or what the vendor has instead; for a model that does not reason both are left out. */
function translateReasoning(
  { body, isReasoningModel }: ProviderRequest,
  rules: RequestRules | undefined,
  changes: RequestChanges,
): void {
  const { reasoning, reasoning_effort: given } = body.value
  if (body.fields.has('reasoning')) changes.fields.set('reasoning', undefined)
  if (isReasoningModel === false) return leaveOut(body, ['reasoning', 'reasoning_effort'], changes)
  const isGiven = typeof given === 'string'
  const effort = isGiven ? given : isObject(reasoning) ? effortOf(reasoning, body.value) : undefined
  if (effort === undefined) return undefined
  if (rules?.efforts !== undefined || rules?.reasoningSwitch !== undefined) {
    const { effort: named, max_tokens: budget } = isObject(reasoning) ? reasoning : {}
    const isNamed = isGiven || typeof named === 'string' || typeof budget === 'number'
    const wanted = { effort, isNamed, budget: typeof budget === 'number' ? budget : undefined }
    return changeReasoning(body, wanted, rules, changes)
  }
  if (!isGiven) changes.fields.set('reasoning_effort', JSON.stringify(lowered(effort)))
  return undefined
}

/** Words above `high` are known to few; a provider without rules does not get them unless the caller uses its own field. */
function lowered(effort: string): string {
  return effort === 'max' || effort === 'xhigh' ? 'high' : effort
}

/** OpenRouter's share of the maximum tokens that each effort may spend on reasoning. */
const EFFORT_SHARES = [
  ['minimal', 0.1],
  ['low', 0.2],
  ['medium', 0.5],
  ['high', 0.8],
] as const

function effortOf(
  reasoning: Readonly<Record<string, unknown>>,
  body: Readonly<Record<string, unknown>>,
): string | undefined {
  const { effort, max_tokens: budget, enabled } = reasoning
  if (typeof effort === 'string') return effort
  if (enabled === false) return 'none'
  const maxTokens = body['max_completion_tokens'] ?? body['max_tokens']
  if (typeof budget === 'number' && typeof maxTokens === 'number' && maxTokens > 0)
    return EFFORT_SHARES.find(([, share]) => budget <= share * maxTokens)?.[0] ?? 'high'
  return enabled === true || typeof budget === 'number' ? 'medium' : undefined
}

const CACHE_MARKS = ['cache_control', 'prompt_cache_breakpoint'] as const

/** Whether there are cache marks, which OpenAI, which caches by itself, and others refuse. */
function hasCacheMarks({ text }: JsonBody): boolean {
  // A rare part of both names, without the quotes that JSON is full of: 1.7 instead of 10 µs for 17 KB.
  return text.includes('cache_')
}

function replaceMessages(
  body: JsonBody,
  rules: MessageRules,
  removesMarks: boolean,
  changes: RequestChanges,
): void {
  const { messages } = body.value
  if (Array.isArray(messages))
    replace('messages', changeMessages(messages, rules), removesMarks, body, changes)
}

function replaceSchemas(
  body: JsonBody,
  rules: SchemaRules,
  removesMarks: boolean,
  changes: RequestChanges,
): void {
  const { tools, response_format: format } = body.value
  if (Array.isArray(tools))
    replace('tools', changeTools(tools, rules, changes.leftOut), removesMarks, body, changes)
  const theirs = changeResponseFormat(format, rules, {
    messages: body.value['messages'],
    leftOut: changes.leftOut,
  })
  replace('response_format', theirs, false, body, changes)
}

/** Writes a field again if its value is another, or has marks to remove. */
function replace(
  field: string,
  value: unknown,
  removesMarks: boolean,
  { fields, value: given }: JsonBody,
  changes: RequestChanges,
): void {
  if (!fields.has(field) || (value === given[field] && !removesMarks)) return
  changes.fields.set(field, JSON.stringify(value, removesMarks ? withoutMarks : undefined))
}

function withoutMarks(name: string, value: unknown): unknown {
  return (CACHE_MARKS as readonly string[]).includes(name) ? undefined : value
}

/** Without `include_usage` most providers end a stream without its usage. */
function requestUsage({ body }: ProviderRequest, changes: Map<string, string | undefined>): void {
  const given = body.value['stream_options'] as Record<string, unknown> | null | undefined
  if (given?.['include_usage'] === true) return
  changes.set('stream_options', JSON.stringify({ ...given, include_usage: true }))
}

function renameMaxTokens(
  { body }: ProviderRequest,
  field: 'max_tokens' | 'max_completion_tokens',
  changes: Map<string, string | undefined>,
): void {
  const other = field === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens'
  const value = body.value[other]
  if (typeof value !== 'number') return
  changes.set(other, undefined)
  changes.set(field, String(value))
}
