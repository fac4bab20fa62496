import { isObject } from '../../../wire/json/json-body.ts'
import { hasContent, type ChatChoice, type ChatChunk } from '../../../wire/openai/chat.ts'
import { plainContent } from '../../../wire/openai/content-parts.ts'
import { finishReasonOf, isFinishReason } from '../../finish-reasons.ts'
import { asDelta } from './response-as-chunk.ts'
import { areNormalToolCalls, normalToolCalls, ToolCallAssembler } from './tool-calls.ts'

export type EmitChunk = (json: string, chunk: ChatChunk) => void

/** The state of one choice of a stream. */
interface ChoiceState {
  calls: ToolCallAssembler | undefined
  /** The last finish reason, when the stream went on after it. */
  droppedReason: string | undefined
}

/**
 * Brings the chunks of one stream into one form, once, where they enter: a finish reason is a text that ends its choice, and
 * tool calls are whole. A chunk that is in this form already, as nearly all are, passes unchanged.
 *
 * A chunk with a finish reason is held until the next event, because some providers send a reason with every chunk: when
 * more of its choice follows, the reason was not the last one.
 */
export class ChunkNormalizer {
  readonly #emit: EmitChunk
  readonly #choices = new Map<number, ChoiceState>()
  #held: { readonly json: string; readonly chunk: ChatChunk } | undefined

  constructor(emit: EmitChunk) {
    this.#emit = emit
  }

  add(json: string, chunk: ChatChunk): void {
    const { choices } = chunk
    if (this.#held !== undefined) this.#releaseHeld(choices)
    if (!Array.isArray(choices) || choices.every(isPlain)) return this.#emit(json, chunk)
    const normal = this.#normalized(json, chunk, choices)
    if ((normal.chunk.choices ?? []).some(isFinishing)) this.#held = normal
    else this.#emit(normal.json, normal.chunk)
    return undefined
  }

  /** The end of the stream: what is held is sent, and a choice whose reason was dropped gets it back. */
  end(): void {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) this.#emit(held.json, held.chunk)
    const finished = new Set((held?.chunk.choices ?? []).filter(isFinishing).map(indexOf))
    const rest = [...this.#choices].filter(
      ([index, state]) => state.droppedReason !== undefined && !finished.has(index),
    )
    if (rest.length === 0) return
    const choices = rest.map(([index, { droppedReason }]) => ({
      index,
      delta: {},
      finish_reason: droppedReason,
    }))
    const chunk: ChatChunk = { object: 'chat.completion.chunk', choices }
    this.#emit(JSON.stringify(chunk), chunk)
  }

  #releaseHeld(next: ChatChunk['choices']): void {
    const { json, chunk } = this.#held ?? { json: '', chunk: {} }
    this.#held = undefined
    const goesOn = new Set((next ?? []).filter(hasContent).map(indexOf))
    const choices = chunk.choices ?? []
    if (!choices.some((choice) => goesOn.has(indexOf(choice)))) return this.#emit(json, chunk)
    const open = choices.map((choice) => {
      if (!goesOn.has(indexOf(choice))) return choice
      this.#stateOf(indexOf(choice)).droppedReason = choice.finish_reason ?? undefined
      return { ...choice, finish_reason: null }
    })
    const changed: ChatChunk = { ...chunk, choices: open }
    return this.#emit(JSON.stringify(changed), changed)
  }

  #normalized(json: string, chunk: ChatChunk, choices: readonly ChatChoice[]) {
    let isChanged = false
    const normal = choices.map((choice) => {
      const one = this.#normalChoice(choice)
      isChanged ||= one !== choice
      return one
    })
    if (!isChanged) return { json, chunk }
    const changed: ChatChunk = { ...chunk, choices: normal }
    return { json: JSON.stringify(changed), chunk: changed }
  }

  #normalChoice(choice: ChatChoice): ChatChoice {
    if (isWhole(choice)) return this.#normalChoice(asDelta(choice))
    const plain = plainContent(choice.delta?.content)
    if (plain !== undefined) return this.#normalChoice({ ...choice, delta: { ...choice.delta, ...plain } })
    const { delta } = choice
    const pieces: unknown = delta?.tool_calls
    let normal =
      isFinishing(choice) || choice.finish_reason === null || choice.finish_reason === undefined
        ? choice
        : { ...choice, finish_reason: null }
    if (Array.isArray(pieces) && pieces.length > 0) {
      const state = this.#stateOf(indexOf(choice))
      const calls = (state.calls ??= new ToolCallAssembler()).add(pieces)
      normal = { ...normal, delta: { ...delta, tool_calls: calls } }
    }
    if (!isFinishing(normal)) return normal
    const state = this.#choices.get(indexOf(choice))
    if (state !== undefined) state.droppedReason = undefined
    return finishedByCalls(withCompleteCalls(normal, state?.calls), (state?.calls?.count ?? 0) > 0)
  }

  #stateOf(index: number): ChoiceState {
    const known = this.#choices.get(index)
    if (known !== undefined) return known
    const state: ChoiceState = { calls: undefined, droppedReason: undefined }
    this.#choices.set(index, state)
    return state
  }
}

/** A plain response in the same form as the chunks of a stream; the response itself when it is in this form already. */
export function normalResponse(response: ChatChunk): ChatChunk {
  const { choices, error, ...rest } = response
  if (!Array.isArray(choices)) return response
  // An error that is null or empty is none.
  if (error !== undefined) return normalResponse({ ...rest, choices })
  let isChanged = false
  const normal = (choices as readonly ChatChoice[]).map((choice) => {
    const one = normalMessage(choice)
    isChanged ||= one !== choice
    return one
  })
  return isChanged ? { ...response, choices: normal } : response
}

function normalMessage(given: ChatChoice): ChatChoice {
  const plain = plainContent(given.message?.content)
  const choice = plain === undefined ? given : { ...given, message: { ...given.message, ...plain } }
  const calls = callsIn(choice)
  const hasCalls = calls.length > 0
  const whole =
    calls === choice.message?.tool_calls && areNormalToolCalls(calls)
      ? choice
      : withCalls(choice, normalToolCalls(calls))
  // A plain response is complete, so that an empty reason, or none, means that it has ended.
  const ended = isFinishing(whole) ? whole : { ...whole, finish_reason: 'stop' }
  return finishedByCalls(ended, hasCalls)
}

const NO_CALLS: readonly unknown[] = []

/** The calls of a message; the list itself when it has nothing else. */
function callsIn({ message }: ChatChoice): readonly unknown[] {
  const calls: unknown = message?.tool_calls
  if (!Array.isArray(calls)) return NO_CALLS
  return calls.every(isObject) ? calls : calls.filter(isObject)
}

/** A message with these calls; without any it has no such field. */
function withCalls(choice: ChatChoice, calls: ReturnType<typeof normalToolCalls>): ChatChoice {
  if ((choice.message?.tool_calls ?? undefined) === undefined) return choice
  const { tool_calls: _calls, ...message } = choice.message ?? {}
  return { ...choice, message: calls.length === 0 ? message : { ...message, tool_calls: calls } }
}

/** `stop` after tool calls, and `tool_calls` without any, are corrected; the provider's own reason is kept as the native one. */
function finishedByCalls(choice: ChatChoice, hasCalls: boolean): ChatChoice {
  const { finish_reason: reason, native_finish_reason: native } = choice
  if (reason === 'stop' && !hasCalls) return choice
  const known = finishReasonOf(reason ?? '')
  const wanted = hasCalls ? known === 'stop' && 'tool_calls' : reason === 'tool_calls' && 'stop'
  if (wanted === false) return choice
  return { ...choice, finish_reason: wanted, native_finish_reason: native ?? reason }
}

function withCompleteCalls(choice: ChatChoice, calls: ToolCallAssembler | undefined): ChatChoice {
  const rest = calls?.complete() ?? []
  if (rest.length === 0) return choice
  const { delta } = choice
  const own = (delta?.tool_calls ?? []) as readonly unknown[]
  return { ...choice, delta: { ...delta, tool_calls: [...own, ...rest] as never } }
}

/** Whether a choice needs no change and does not end: the usual piece of a text. */
function isPlain(choice: ChatChoice | null): boolean {
  if (choice === null) return false
  const { finish_reason: reason, delta } = choice
  if (reason !== null && reason !== undefined) return false
  if (delta === undefined || delta === null) return !isWhole(choice)
  return (delta.tool_calls ?? undefined) === undefined && !Array.isArray(delta.content)
}

/** A choice of a plain response, which some gateways send as the only event of a stream. */
function isWhole({ delta, message }: ChatChoice): boolean {
  return (delta ?? undefined) === undefined && (message ?? undefined) !== undefined
}

/** Whether a choice has ended. Some providers send an empty finish reason with every chunk before the last (Ollama, 2024). */
export function isFinishing({ finish_reason: reason }: ChatChoice): boolean {
  return isFinishReason(reason)
}

function indexOf({ index }: ChatChoice): number {
  return index ?? 0
}
