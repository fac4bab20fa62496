import type { ChatChoice, ChatChunk } from '../../wire/openai/chat.ts'
import { KeptText } from '../../base/collections/text-buffer.ts'

/** More text than this isn't kept for a rescue: an open stream has its bound, too. */
const MOST_CHARACTERS = 1_000_000

/** Pieces of an answer that a caller may have acted on, or that can't be taken up by somebody else. */
interface OnlyOnce {
  readonly tool_calls?: unknown
  readonly function_call?: unknown
  readonly audio?: unknown
  readonly images?: unknown
  readonly refusal?: unknown
  readonly reasoning_details?: unknown
}

/** What the caller of a stream has been told, as far as somebody else needs it to bring the answer to its end. */
export class Told {
  #text = new KeptText()
  #isSealed = false

  get text(): string {
    return this.#text.toString()
  }

  /** Whether all that was told is text (and thoughts), which may be continued or compared. */
  get isRepeatable(): boolean {
    return !this.#isSealed
  }

  watch({ choices }: ChatChunk): void {
    if (this.#isSealed) return
    for (const choice of choices ?? []) this.#watchChoice(choice)
  }

  #watchChoice(choice: ChatChoice): void {
    const { delta, index = 0, finish_reason } = choice
    const content = delta?.content ?? ''
    if (
      index !== 0 ||
      typeof content !== 'string' ||
      typeof finish_reason === 'string' ||
      (choice as { logprobs?: unknown }).logprobs ||
      mustNotComeTwice(delta) ||
      this.#text.length + content.length > MOST_CHARACTERS
    )
      this.#seal()
    else if (content !== '') this.#text.add(content)
  }

  #seal(): void {
    this.#isSealed = true
    this.#text = new KeptText()
  }
}

/** Field by field, for it is asked of every chunk: looked up by their names in a list they take three times as long. */
function mustNotComeTwice(said: OnlyOnce | null | undefined): boolean {
  return (
    said !== null &&
    said !== undefined &&
    (isThere(said.tool_calls) ||
      isThere(said.function_call) ||
      isThere(said.audio) ||
      isThere(said.images) ||
      isThere(said.refusal) ||
      isThere(said.reasoning_details))
  )
}

function isThere(value: unknown): boolean {
  return (
    value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0)
  )
}
