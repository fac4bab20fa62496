import { dollarsNumber } from '../../base/money.ts'
import type { ChatChoice, ChatChunk, ChatDelta } from '../../wire/openai/chat.ts'
import { additions, type AnswerFacts, type Completer } from './response-formatter.ts'
import { endingOf } from './finish-reason.ts'
import { mendJson } from './repair-json.ts'
import { textAnswer, TextChunks } from './plain-text-response.ts'
import { wireUsageOf } from './usage-json.ts'

/** Options of the request that the broker applies to the response itself; the provider does not get them. */
export interface ChatWishes {
  /** The model may reason, but its reasoning is left out of the response. */
  readonly hidesReasoning: boolean
  /** Malformed JSON in an unstreamed response is repaired. */
  readonly healsJson?: boolean | undefined
}

/**
 * Formats chat responses, plain and streamed, as OpenRouter does, according to its OpenAPI document and to what its clients
 * were seen to accept.
 */
export function chatCompleter(wishes: ChatWishes): (facts: AnswerFacts) => Completer {
  return (facts) => new ChatCompleter(facts, wishes)
}

/** `obfuscation` is the padding that OpenAI adds to its chunks to hide the length of words from the network. */
const TOP_FIELDS = new Set('id object created model provider choices usage error obfuscation'.split(' '))
const CHOICE_FIELDS = new Set(['index', 'message', 'delta', 'finish_reason', 'native_finish_reason'])
const MESSAGE_FIELDS = new Set(['role', 'content', 'refusal', 'tool_calls', ...reasoningFields()])

function reasoningFields(): string[] {
  return ['reasoning', 'reasoning_content', 'reasoning_details']
}

class ChatCompleter implements Completer {
  readonly #facts: AnswerFacts
  readonly #hidesReasoning: boolean
  readonly #healsJson: boolean
  /** The finish reasons of each choice, which are repeated in the chunk with the usage. */
  #ended: Map<number, object> | undefined
  /** The provider's own `created`, in Unix seconds. */
  #created: number | undefined
  #textChunks: TextChunks | undefined
  #usage: unknown
  #tail: Record<string, unknown> = {}

  constructor(facts: AnswerFacts, { hidesReasoning, healsJson = false }: ChatWishes) {
    this.#facts = facts
    this.#hidesReasoning = hidesReasoning
    this.#healsJson = healsJson
  }

  answer(json: string, response: ChatChunk): string {
    const metadata = this.#facts.metadata()
    const isUsual = !this.#healsJson && metadata === undefined
    return (
      (isUsual ? textAnswer(json, response, this.#facts) : undefined) ?? this.#wholeAnswer(response, metadata)
    )
  }

  #wholeAnswer(response: ChatChunk, metadata: object | undefined): string {
    const usage = this.#facts.usage()
    return JSON.stringify({
      ...this.#head('chat.completion', response),
      system_fingerprint: null,
      ...additions(response, TOP_FIELDS),
      choices: (response.choices ?? []).map((choice, at) => this.#wholeChoice(choice, at)),
      ...(usage === undefined ? {} : { usage: wireUsageOf(usage, this.#facts.parts(usage), response.usage) }),
      openrouter_metadata: metadata,
      x_aibroker: this.#facts.envelope(),
    })
  }

  chunk(_json: string, chunk: ChatChunk): string | undefined {
    this.#created ??= createdAt(chunk)
    this.#textChunks ??= new TextChunks(this.#facts, this.#created ?? this.#facts.created)
    return this.#textChunks.tell(chunk) ?? this.#otherChunk(chunk)
  }

  #otherChunk(chunk: ChatChunk): string | undefined {
    if (chunk.usage !== undefined && chunk.usage !== null) this.#usage = chunk.usage
    const choices = chunk.choices ?? []
    // The usage goes into the last chunk, whenever the provider sends it.
    if (choices.length === 0 && this.#usage !== undefined) return undefined
    const added = additions(chunk, TOP_FIELDS)
    if (typeof added['service_tier'] === 'string') this.#tail = { service_tier: added['service_tier'] }
    return JSON.stringify({
      ...this.#head('chat.completion.chunk', chunk),
      ...added,
      choices: choices.map((choice, at) => this.#chunkChoice(choice, at)),
    })
  }

  last(): string | undefined {
    const usage = this.#facts.usage()
    if (usage === undefined) return undefined
    return JSON.stringify({
      ...this.#head('chat.completion.chunk', {}),
      ...this.#tail,
      choices: [...(this.#ended ?? [])].map(([index, ending]) => ({
        index,
        delta: { role: 'assistant', content: '' },
        ...ending,
      })),
      usage: { ...wireUsageOf(usage, this.#facts.parts(usage), this.#usage), ...this.#sharedCost() },
      openrouter_metadata: this.#facts.metadata(),
      x_aibroker: this.#facts.envelope(),
    })
  }

  #sharedCost(): object {
    if (!this.#facts.isShared) return {}
    const cost = this.#facts.cost()
    const dollars = cost === undefined ? undefined : dollarsNumber(cost)
    // `undefined` removes the figure of one endpoint's price alone: JSON leaves it out. Details cover all endpoints or are
    // absent.
    return { cost: dollars, cost_details: undefined }
  }

  #head(object: string, chunk: ChatChunk): Record<string, unknown> {
    const { id, model, provider } = this.#facts
    return {
      id,
      object,
      created: this.#created ?? createdAt(chunk) ?? this.#facts.created,
      model,
      provider,
    }
  }

  #wholeChoice(choice: ChatChoice, at: number): object {
    const message = choice.message ?? {}
    return {
      index: choice.index ?? at,
      logprobs: null,
      ...additions(choice, CHOICE_FIELDS),
      ...endingOf(choice),
      message: {
        role: 'assistant',
        content: this.#healsJson ? mended(message.content) : (message.content ?? null),
        refusal: message.refusal ?? null,
        reasoning: null,
        ...this.#reasoning(message),
        ...toolCalls(message, true),
        ...additions(message, MESSAGE_FIELDS),
      },
    }
  }

  #chunkChoice(choice: ChatChoice, at: number): object {
    const delta = choice.delta ?? {}
    const ending = endingOf(choice)
    const index = choice.index ?? at
    if (typeof choice.finish_reason === 'string') (this.#ended ??= new Map()).set(index, ending)
    return {
      index,
      delta: {
        role: 'assistant',
        content: delta.content ?? '',
        ...(typeof delta.refusal === 'string' ? { refusal: delta.refusal } : {}),
        ...this.#reasoning(delta),
        ...toolCalls(delta, false),
        ...additions(delta, MESSAGE_FIELDS),
      },
      ...additions(choice, CHOICE_FIELDS),
      ...ending,
    }
  }

  /** The reasoning under OpenRouter's field names, whatever the provider calls it. */
  #reasoning(said: ChatDelta): object {
    if (this.#hidesReasoning) return {}
    const text = textOf(said.reasoning) ?? textOf(said.reasoning_content)
    const details = Array.isArray(said.reasoning_details) ? said.reasoning_details : undefined
    if (text === undefined) return details === undefined ? {} : { reasoning_details: details }
    return {
      reasoning: text,
      reasoning_details: details ?? [{ type: 'reasoning.text', text, format: 'unknown', index: 0 }],
    }
  }
}

function mended(content: unknown): unknown {
  return typeof content === 'string' ? (mendJson(content) ?? content) : (content ?? null)
}

function createdAt({ created }: ChatChunk): number | undefined {
  return typeof created === 'number' && Number.isInteger(created) ? created : undefined
}

/** Calls in an unstreamed response carry their index and have arguments; every piece of a call in a stream has its type. */
function toolCalls({ tool_calls: calls }: ChatDelta, whole: boolean): object {
  if (!Array.isArray(calls) || calls.length === 0) return {}
  return {
    tool_calls: calls.map((call: Readonly<Record<string, unknown>>, index) => {
      const known = additions(call, new Set(['function']))
      const named = additions(objectOf(call['function']), NONE)
      const given = whole ? { arguments: '{}', ...named } : named
      return { index, type: 'function', ...known, function: given }
    }),
  }
}

const NONE: ReadonlySet<string> = new Set()

function objectOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
