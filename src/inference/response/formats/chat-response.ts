import { usdNumber } from '../../../base/money.ts'
import type { ChatChoice, ChatChunk, ChatDelta } from '../../../wire/openai/chat.ts'
import { extraFields, type ResponseInfo, type ResponseFormatter } from '../response-formatter.ts'
import type { ResponseShape } from '../response-shape.ts'
import { finishReasonsOf } from '../finish-reason.ts'
import { repairJson } from '../repair-json.ts'
import { plainTextResponse, PlainTextChunks } from './plain-text-response.ts'
import { usageJson } from '../usage-json.ts'

/** Options of the request that the broker applies to the response itself; the provider does not get them. */
export interface ChatFormatOptions {
  /** The model may reason, but its reasoning is left out of the response. */
  readonly hidesReasoning: boolean
  /** Malformed JSON in an unstreamed response is repaired. */
  readonly healsJson?: boolean | undefined
}

/**
 * Formats chat responses, plain and streamed, with OpenRouter's fields, according to its OpenAPI document and to what its
 * clients were seen to accept, in the shape of the API that the caller speaks.
 */
export function chatFormatter(options: ChatFormatOptions): (info: ResponseInfo) => ResponseFormatter {
  return (info) => new ChatFormatter(info, options)
}

/** `obfuscation` is the padding that OpenAI adds to its chunks to hide the length of words from the network. */
const TOP_FIELDS = new Set('id object created model provider choices usage error obfuscation'.split(' '))
const CHOICE_FIELDS = new Set(['index', 'message', 'delta', 'finish_reason', 'native_finish_reason'])
const NULL_FINGERPRINT = { system_fingerprint: null }
const SILENT = { index: 0, delta: { role: 'assistant', content: '' } }
const MESSAGE_FIELDS = new Set(['role', 'content', 'refusal', 'tool_calls', ...reasoningFields()])

function reasoningFields(): string[] {
  return ['reasoning', 'reasoning_content', 'reasoning_details']
}

class ChatFormatter implements ResponseFormatter {
  readonly #info: ResponseInfo
  readonly #hidesReasoning: boolean
  readonly #healsJson: boolean
  /** The provider's own `created`, in Unix seconds. */
  #created: number | undefined
  #textChunks: PlainTextChunks | undefined
  #usage: unknown
  #tail: Record<string, unknown> = {}

  constructor(info: ResponseInfo, { hidesReasoning, healsJson = false }: ChatFormatOptions) {
    this.#info = info
    this.#hidesReasoning = hidesReasoning
    this.#healsJson = healsJson
  }

  formatResponse(json: string, response: ChatChunk): string {
    const metadata = this.#info.metadata()
    const isUsual = !this.#healsJson && metadata === undefined
    return (
      (isUsual ? plainTextResponse(json, response, this.#info) : undefined) ??
      this.#fullResponse(response, metadata)
    )
  }

  #fullResponse(response: ChatChunk, metadata: object | undefined): string {
    const usage = this.#info.usage()
    return JSON.stringify({
      ...this.#head('chat.completion', response),
      ...(this.#info.shape.hasNullFingerprint ? NULL_FINGERPRINT : {}),
      ...extraFields(response, TOP_FIELDS),
      choices: (response.choices ?? []).map((choice, at) => this.#responseChoice(choice, at)),
      ...(usage === undefined
        ? {}
        : { usage: usageJson(usage, this.#info.costParts(usage), response.usage) }),
      openrouter_metadata: metadata,
      x_aibroker: this.#info.envelope(),
    })
  }

  formatChunk(_json: string, chunk: ChatChunk): string | undefined {
    this.#created ??= createdAt(chunk)
    this.#textChunks ??= new PlainTextChunks(this.#info, this.#created ?? this.#info.created)
    return this.#textChunks.format(chunk) ?? this.#fullChunk(chunk)
  }

  #fullChunk(chunk: ChatChunk): string | undefined {
    if (chunk.usage !== undefined && chunk.usage !== null) this.#usage = chunk.usage
    const choices = chunk.choices ?? []
    // The usage goes into the last chunk, whenever the provider sends it.
    if (choices.length === 0 && this.#usage !== undefined) return undefined
    const added = extraFields(chunk, TOP_FIELDS)
    if (typeof added['service_tier'] === 'string') this.#tail = { service_tier: added['service_tier'] }
    return JSON.stringify({
      ...this.#head('chat.completion.chunk', chunk),
      ...added,
      choices: choices.map((choice, at) => this.#chunkChoice(choice, at)),
    })
  }

  finalChunk(): string | undefined {
    const usage = this.#info.usage()
    if (usage === undefined) return undefined
    return JSON.stringify({
      ...this.#head('chat.completion.chunk', {}),
      ...this.#tail,
      choices: this.#info.shape.usageChoices(SILENT),
      usage: { ...usageJson(usage, this.#info.costParts(usage), this.#usage), ...this.#sharedCost() },
      openrouter_metadata: this.#info.metadata(),
      x_aibroker: this.#info.envelope(),
    })
  }

  #sharedCost(): object {
    if (!this.#info.isCombined) return {}
    const cost = this.#info.cost()
    const dollars = cost === undefined ? undefined : usdNumber(cost)
    // `undefined` removes the figure of one endpoint's price alone: JSON leaves it out. Details cover all endpoints or are
    // absent.
    return { cost: dollars, cost_details: undefined }
  }

  #head(object: string, chunk: ChatChunk): Record<string, unknown> {
    const { id, model, provider } = this.#info
    return {
      id,
      object,
      created: this.#created ?? createdAt(chunk) ?? this.#info.created,
      model,
      provider,
    }
  }

  #responseChoice(choice: ChatChoice, at: number): object {
    const message = choice.message ?? {}
    return {
      index: choice.index ?? at,
      logprobs: null,
      ...extraFields(choice, CHOICE_FIELDS),
      ...finishReasonsOf(choice),
      message: {
        role: 'assistant',
        content: this.#healsJson ? repairedContent(message.content) : (message.content ?? null),
        refusal: message.refusal ?? null,
        reasoning: null,
        ...this.#reasoning(message),
        ...wholeCalls(message),
        ...extraFields(message, MESSAGE_FIELDS),
      },
    }
  }

  #chunkChoice(choice: ChatChoice, at: number): object {
    const delta = choice.delta ?? {}
    const ending = finishReasonsOf(choice)
    const { shape } = this.#info
    return {
      index: choice.index ?? at,
      delta: {
        ...shape.delta(delta.content, ending.finish_reason !== null),
        ...(typeof delta.refusal === 'string' ? { refusal: delta.refusal } : {}),
        ...this.#reasoning(delta),
        ...callPieces(delta, shape),
        ...extraFields(delta, MESSAGE_FIELDS),
      },
      ...extraFields(choice, CHOICE_FIELDS),
      ...ending,
    }
  }

  /** The reasoning under OpenRouter's field names, whatever the provider calls it. */
  #reasoning(delta: ChatDelta): object {
    if (this.#hidesReasoning) return {}
    const text = textOf(delta.reasoning) ?? textOf(delta.reasoning_content)
    const details = Array.isArray(delta.reasoning_details) ? delta.reasoning_details : undefined
    if (text === undefined) return details === undefined ? {} : { reasoning_details: details }
    return {
      reasoning: text,
      reasoning_details: details ?? [{ type: 'reasoning.text', text, format: 'unknown', index: 0 }],
    }
  }
}

function repairedContent(content: unknown): unknown {
  return typeof content === 'string' ? (repairJson(content) ?? content) : (content ?? null)
}

function createdAt({ created }: ChatChunk): number | undefined {
  return typeof created === 'number' && Number.isInteger(created) ? created : undefined
}

/** Calls in an unstreamed response carry their index and have arguments. */
function wholeCalls({ tool_calls: calls }: ChatDelta): object {
  return callsWith(calls, (call, index) => ({
    index,
    type: 'function',
    ...extraFields(call, FUNCTION),
    function: { arguments: '{}', ...functionOf(call) },
  }))
}

function callPieces({ tool_calls: calls }: ChatDelta, shape: ResponseShape): object {
  return callsWith(calls, (call, index) => ({
    index,
    ...shape.callType(typeof call['id'] === 'string'),
    ...extraFields(call, FUNCTION),
    function: functionOf(call),
  }))
}

type Call = Readonly<Record<string, unknown>>

function callsWith(calls: ChatDelta['tool_calls'], write: (call: Call, index: number) => object): object {
  if (!Array.isArray(calls) || calls.length === 0) return {}
  return { tool_calls: calls.map(write) }
}

function functionOf(call: Call): object {
  return extraFields(objectOf(call['function']), NONE)
}

const FUNCTION: ReadonlySet<string> = new Set(['function'])
const NONE: ReadonlySet<string> = new Set()

function objectOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
