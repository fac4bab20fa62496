import { jsonText } from '../../base/text.ts'
import { finishReasonOf, type FinishReason } from '../../providers/finish-reasons.ts'
import type { ChatChoice } from '../../wire/openai/chat.ts'

interface FinishReasons {
  readonly finish_reason: FinishReason | null
  readonly native_finish_reason: string | null
}

/** OpenRouter's and the provider's own finish reason of a choice; null while it goes on. */
export function finishReasonsOf({
  finish_reason: native,
  native_finish_reason: stated,
}: ChatChoice): FinishReasons {
  if (typeof native !== 'string') return { finish_reason: null, native_finish_reason: null }
  const nativeReason = typeof stated === 'string' && stated !== '' ? stated : native
  return { finish_reason: finishReasonOf(native), native_finish_reason: nativeReason }
}

/** Both finish reasons of a choice as members of a JSON object, without the braces. */
export function finishReasonsJson(choice: ChatChoice): string {
  const { finish_reason: ours, native_finish_reason: native } = finishReasonsOf(choice)
  if (ours === null || native === null) return '"finish_reason":null,"native_finish_reason":null'
  return `"finish_reason":"${ours}","native_finish_reason":${jsonText(native)}`
}
