import { isObject } from '../../../../wire/json/json-body.ts'
import type { ChatChunk } from '../../../../wire/openai/chat.ts'
import type { Fields } from '../../../chat-vocabulary.ts'
import type { EventDecoder } from '../../../event-decoder.ts'
import { finishReasons } from '../../finish-reason.ts'
import { usageIn } from '../../usage.ts'
import {
  blockedChoice,
  failureIn,
  readParts,
  sealResponse,
  type CandidateState,
  type ResponseFacts,
} from './response-in.ts'

/** Reads the events of `streamGenerateContent`. The response is whole once a candidate has its reason; usage may follow. */
export class ContentDecoder implements EventDecoder {
  isComplete = false
  readonly #facts: ResponseFacts
  readonly #states = new Map<unknown, CandidateState>()
  #id: unknown

  constructor(facts: ResponseFacts) {
    this.#facts = facts
  }

  decode(event: Fields): readonly ChatChunk[] {
    if (event['error'] !== undefined) return [{ error: event['error'] }]
    const failure = failureIn(event)
    if (failure !== undefined) return [{ error: { message: `the model failed: ${failure}`, code: 502 } }]
    this.#id ??= event['responseId']
    const choices = this.#choices(event)
    const { usageMetadata } = event
    const usage =
      this.isComplete && isObject(usageMetadata) ? [this.#chunk([], { usage: usageIn(usageMetadata) })] : []
    const original = this.#facts.keepsOriginal ? originalOf(sealResponse(event, this.#facts)) : {}
    if (choices.length === 0 && !this.#facts.keepsOriginal) return usage
    return [this.#chunk(choices, original), ...usage]
  }

  #choices({ candidates, promptFeedback }: Fields): readonly Fields[] {
    if (isObject(promptFeedback) && promptFeedback['blockReason'] !== undefined) {
      this.isComplete = true
      return [blockedChoice(promptFeedback, 'delta')]
    }
    const all: readonly unknown[] = Array.isArray(candidates) ? candidates : []
    return all.filter(isObject).flatMap((candidate) => this.#choice(candidate))
  }

  #choice({ content, finishReason, index = 0 }: Fields): readonly Fields[] {
    const state = this.#stateOf(index)
    const delta = readParts(isObject(content) ? content['parts'] : undefined, state, this.#facts)
    const isLast = typeof finishReason === 'string'
    if (isLast) this.isComplete = true
    if (delta === undefined && !isLast) return []
    const ending = isLast ? finishReasons(finishReason, state.calls > 0) : { finish_reason: null }
    return [{ index, delta: delta ?? {}, ...ending }]
  }

  #stateOf(index: unknown): CandidateState {
    const state = this.#states.get(index) ?? { calls: 0, thoughts: 0 }
    this.#states.set(index, state)
    return state
  }

  #chunk(choices: readonly Fields[], more: object): ChatChunk {
    return {
      id: this.#id,
      object: 'chat.completion.chunk',
      choices,
      ...more,
    }
  }
}

function originalOf(event: Fields): object {
  return { dialect_fields: { gemini: { event } } }
}
