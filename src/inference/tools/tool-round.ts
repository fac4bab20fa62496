import type { BrokerError } from '../../base/errors.ts'
import type { ChatChoice, ChatChunk, ChatDelta } from '../../wire/openai/chat.ts'
import { hasOutput } from '../../wire/openai/chat.ts'
import { ForwardingSink } from '../response/forwarding-sink.ts'
import type { ResponseSink, ResponseSource } from '../response/response-sink.ts'

/** A tool call that a model requests. */
export interface RequestedCall {
  readonly id: string
  readonly name: string
  /** As the model wrote them: JSON, if it got them right. */
  readonly arguments: string
}

type Fields = Readonly<Record<string, unknown>>

/** A piece of a call in a stream, or a whole call. */
interface CallPiece {
  readonly index?: number | undefined
  readonly id?: string | null | undefined
  readonly function?: { readonly name?: string | null; readonly arguments?: string | null } | undefined
}

/**
 * The response of one round. The text of a stream goes to the caller at once; tool calls, finish reason and usage stay here,
 * because only at the end of the round is it known whether another round follows.
 */
export class ToolRound extends ForwardingSink {
  readonly #id: string
  readonly #calls = new Map<number, { id: string; name: string; arguments: string }>()
  #content = ''
  #reasoningDetails: unknown[] = []
  #finishReasons: Fields = { finish_reason: null, native_finish_reason: null }
  #head: Fields = {}
  #usage: unknown
  #response: Fields | undefined
  #isBroken = false

  constructor(id: string, target: ResponseSink) {
    super(target)
    this.#id = id
  }

  override get id(): string {
    return this.#id
  }

  get calls(): readonly RequestedCall[] {
    const named = [...this.#calls.values()].filter(({ name }) => name !== '')
    return named.map((call, at) => (call.id === '' ? { ...call, id: `call_${this.id}_${at}` } : call))
  }

  /** Both finish reasons. */
  get finishReasons(): Fields {
    return this.#finishReasons
  }

  /** The fields that are the same in every chunk: model, provider, time. */
  get head(): Fields {
    return this.#head
  }

  /** The whole response, when it is not a stream. */
  get response(): Fields | undefined {
    return this.#response
  }

  /** As the provider reported it. */
  get usage(): unknown {
    return this.#usage
  }

  /** It failed after a part of it had been sent to the caller; the error is in the stream. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** The model's text and calls, as a message in the history of the next round. */
  get message(): object {
    return {
      role: 'assistant',
      content: this.#content === '' ? null : this.#content,
      tool_calls: this.calls.map(({ id, name, arguments: text }) => ({
        id,
        type: 'function',
        function: { name, arguments: text },
      })),
      ...(this.#reasoningDetails.length === 0 ? {} : { reasoning_details: this.#reasoningDetails }),
    }
  }

  /** Only the first round, which has the id of the whole response, starts the response. */
  override start(headers: Readonly<Record<string, string>>): void {
    if (this.#id === this.target.id) this.target.start(headers)
  }

  override chunk(json: string): boolean {
    const chunk = JSON.parse(json) as ChatChunk
    const { choices, usage, ...head } = chunk
    this.#head = { ...this.#head, ...head }
    if (usage !== undefined && usage !== null) this.#usage = usage
    const [choice] = choices ?? []
    if (choice === undefined) return true
    this.#addChoice(choice, choice.delta ?? {})
    const { tool_calls: _calls, ...delta } = choice.delta ?? {}
    const textChoice = { ...choice, delta, finish_reason: null, native_finish_reason: null }
    if (!hasOutput({ choices: [textChoice] })) return true
    return this.target.chunk(JSON.stringify({ ...head, id: this.target.id, choices: [textChoice] }))
  }

  override respond(json: string): void {
    const { choices, usage, ...head } = JSON.parse(json) as ChatChunk
    this.#head = head
    this.#usage = usage
    const [choice] = choices ?? []
    if (choice !== undefined) this.#addChoice(choice, choice.message ?? {})
    this.#response = { ...head, choices }
  }

  override end(): void {
    // Whether the whole response ends here is decided once the calls are known.
  }

  override fail(error: BrokerError, about: ResponseSource): void {
    this.#isBroken = true
    super.fail(error, about)
  }

  #addChoice(choice: ChatChoice, delta: ChatDelta): void {
    if (typeof delta.content === 'string') this.#content += delta.content
    const details: readonly unknown[] = Array.isArray(delta.reasoning_details) ? delta.reasoning_details : []
    for (const detail of details) {
      // Details of format `unknown` are our own, made of plain reasoning text: no provider expects them back.
      if ((detail as { format?: unknown } | null)?.format !== 'unknown') this.#reasoningDetails.push(detail)
    }
    for (const [at, piece] of ((delta.tool_calls ?? []) as readonly CallPiece[]).entries())
      this.#addCall(at, piece)
    if (typeof choice.finish_reason === 'string')
      this.#finishReasons = {
        finish_reason: choice.finish_reason,
        native_finish_reason: choice.native_finish_reason ?? choice.finish_reason,
      }
  }

  #addCall(at: number, { index = at, id, function: named }: CallPiece): void {
    const call = this.#calls.get(index) ?? { id: '', name: '', arguments: '' }
    // Id and name come once, but some providers repeat them in every piece.
    if (call.id === '') call.id = id ?? ''
    if (call.name === '') call.name = named?.name ?? ''
    call.arguments += named?.arguments ?? ''
    this.#calls.set(index, call)
  }
}
