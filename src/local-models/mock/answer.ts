// The response of the mock provider: a pure function of the request.
import { z } from 'zod'
import { BrokerError } from '../../base/errors.ts'
import { truncate } from '../../base/text.ts'
import { readBehaviour, type Behaviour } from './directives.ts'
import type { MockModel } from './models.ts'
import { smallestJson } from './json/smallest-json.ts'
import { countTokens, countWords, tokensOf } from './tokens.ts'

const part = z.looseObject({ type: z.string(), text: z.string().nullish() })
const message = z.looseObject({
  role: z.string(),
  content: z.union([z.string(), z.array(part)]).nullish(),
})
const tool = z.looseObject({
  type: z.literal('function'),
  function: z.looseObject({ name: z.string(), parameters: z.unknown() }),
})

/** OpenAI accepts four. The search for each takes time that grows with its length and that of the response. */
const MAX_STOPS = 16
const stop = z.string().max(256)

/** The fields of a chat request that change the response; all others are ignored. */
export const chatRequest = z.looseObject({
  model: z.string(),
  messages: z.array(message).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  n: z.literal(1, { error: 'loopback gives one choice only' }).nullish(),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  stop: z.union([stop, z.array(stop).max(MAX_STOPS)]).nullish(),
  tools: z.array(tool).nullish(),
  tool_choice: z
    .union([
      z.enum(['none', 'auto', 'required']),
      z.looseObject({ function: z.looseObject({ name: z.string() }) }),
    ])
    .nullish(),
  response_format: z
    .looseObject({
      type: z.enum(['text', 'json_object', 'json_schema']),
      json_schema: z.looseObject({ schema: z.unknown() }).nullish(),
    })
    .nullish(),
})

export type ChatRequest = z.infer<typeof chatRequest>

interface ToolCall {
  readonly name: string
  readonly arguments: string
}

/** The complete response, decided before its first byte is sent. */
export interface MockResponse {
  readonly behaviour: Behaviour
  /** Reasoning and content, token by token. */
  readonly reasoningTokens: readonly string[]
  readonly tokens: readonly string[]
  readonly toolCall: ToolCall | undefined
  readonly finishReason: string
  readonly promptTokens: number
  readonly completionTokens: number
}

/** Decides the response. Throws `bad-request` for an invalid directive, tool or schema, and for a prompt beyond the context window. */
export function decideResponse(request: ChatRequest, model: MockModel): MockResponse {
  const promptTokens = request.messages.reduce((sum, { content }) => sum + countTokens(textOf(content)), 0)
  if (promptTokens > model.contextWindow)
    throw new BrokerError(
      'bad-request',
      `the maximum context length of ${model.id} is ${model.contextWindow} tokens; this prompt has ${promptTokens}`,
    )
  const last = request.messages.at(-1)
  const [input, behaviour] = readBehaviour(
    last?.role === 'tool' ? '' : textOf(last?.content),
    model.directives,
  )
  const limit = request.max_completion_tokens ?? request.max_tokens ?? model.maxOutputTokens
  const toolCall = callFor(request, behaviour)
  const reasoningTokens = cycle([' hm'], Math.min(behaviour.think, limit))
  const words =
    toolCall === undefined
      ? limitTokens(textFor(request, input), behaviour, stopsOf(request), limit - reasoningTokens.length)
      : { tokens: [], finishReason: 'tool_calls' }
  return {
    behaviour,
    reasoningTokens,
    toolCall,
    tokens: words.tokens,
    finishReason: behaviour.finishReason ?? words.finishReason,
    promptTokens,
    completionTokens: reasoningTokens.length + words.tokens.length + countTokens(toolCall?.arguments ?? ''),
  }
}

/** The sentence that repeats `input` and counts its words and characters. */
function echo(input: string): string {
  const words = plural(countWords(input), 'word')
  const characters = plural(Array.from(input).length, 'character')
  return `You said “${input}” (${words}, ${characters}). I am loopback, a built-in echo, not a language model.`
}

function textFor({ messages, response_format: format }: ChatRequest, input: string): string {
  const last = messages.at(-1)
  if (format?.type === 'json_schema') return JSON.stringify(smallestJson(format.json_schema?.schema))
  if (format?.type === 'json_object') return JSON.stringify({ you_said: input, i_am: 'a built-in echo' })
  if (last?.role === 'tool') return echo(textOf(last.content)).replace('You', 'The tool')
  return echo(input)
}

function callFor({ tools, tool_choice: choice }: ChatRequest, behaviour: Behaviour): ToolCall | undefined {
  const named = typeof choice === 'object' ? choice?.function.name : undefined
  const name =
    behaviour.call?.name ?? named ?? (choice === 'required' ? tools?.[0]?.function.name : undefined)
  if (name === undefined) return undefined
  const wanted = tools?.find((tool) => tool.function.name === name)
  if (wanted === undefined) throw new BrokerError('bad-request', `“${truncate(name)}” is not among the tools`)
  const parameters = wanted.function['parameters'] ?? { type: 'object' }
  return { name, arguments: behaviour.call?.arguments ?? JSON.stringify(smallestJson(parameters)) }
}

function limitTokens(text: string, { repeat, chunks }: Behaviour, stops: readonly string[], limit: number) {
  const wanted = tokensFor(text, { repeat, chunks }, limit + 1)
  const whole = wanted.join('')
  const cut = stops
    .map((stop) => whole.indexOf(stop))
    .reduce((first, at) => (at < 0 ? first : Math.min(first, at)), whole.length)
  const tokens = cut === whole.length ? wanted : tokensOf(whole.slice(0, cut))
  if (tokens.length <= limit) return { tokens, finishReason: 'stop' }
  return { tokens: tokens.slice(0, limit), finishReason: 'length' }
}

function tokensFor(
  text: string,
  { repeat, chunks }: Pick<Behaviour, 'repeat' | 'chunks'>,
  maxTokens: number,
) {
  const once = tokensOf(text)
  const [first = '', ...rest] = once
  const nextLine = [`\n${first}`, ...rest]
  return [
    ...once,
    ...cycle(nextLine, Math.min(chunks ?? once.length * repeat, maxTokens) - once.length),
  ].slice(0, chunks)
}

function cycle(pieces: readonly string[], length: number): string[] {
  return Array.from({ length: Math.max(0, length) }, (_, index) => pieces[index % pieces.length] ?? '')
}

function stopsOf({ stop }: ChatRequest): readonly string[] {
  return (typeof stop === 'string' ? [stop] : (stop ?? [])).filter((text) => text !== '')
}

function textOf(content: z.infer<typeof message>['content']): string {
  if (typeof content === 'string') return content
  return (content ?? []).map((part) => part.text ?? `[${part.type}]`).join('\n')
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
