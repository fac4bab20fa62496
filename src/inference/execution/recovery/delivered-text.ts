import type { ChatChoice, ChatChunk } from '../../../wire/openai/chat.ts'
import { TextBuffer } from '../../../base/collections/text-buffer.ts'

/** The maximum number of characters that are kept for a recovery, so that an open stream uses bounded memory. */
const MAX_CHARACTERS = 1_000_000

/** Parts of a response that a caller may have acted on, or that another endpoint can't continue. */
interface NotRepeatable {
  readonly tool_calls?: unknown
  readonly function_call?: unknown
  readonly audio?: unknown
  readonly images?: unknown
  readonly refusal?: unknown
  readonly reasoning_details?: unknown
}

/** What has been delivered of a stream, as far as another endpoint needs it to resume the response. */
export class DeliveredText {
  #text = new TextBuffer()
  #isSealed = false

  get text(): string {
    return this.#text.toString()
  }

  /** Whether all that was delivered is text (and reasoning), which may be continued or compared. */
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
      isNotRepeatable(delta) ||
      this.#text.length + content.length > MAX_CHARACTERS
    )
      this.#seal()
    else if (content !== '') this.#text.add(content)
  }

  #seal(): void {
    this.#isSealed = true
    this.#text = new TextBuffer()
  }
}

/** Field by field, since this runs for every chunk: a loop over a list of names takes three times as long. */
function isNotRepeatable(delta: NotRepeatable | null | undefined): boolean {
  return (
    delta !== null &&
    delta !== undefined &&
    (isThere(delta.tool_calls) ||
      isThere(delta.function_call) ||
      isThere(delta.audio) ||
      isThere(delta.images) ||
      isThere(delta.refusal) ||
      isThere(delta.reasoning_details))
  )
}

function isThere(value: unknown): boolean {
  return (
    value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0)
  )
}
