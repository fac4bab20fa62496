import { jsonText } from '../../base/text.ts'
import type { ChatChoice } from '../../wire/openai/chat.ts'

/** The reasons that OpenRouter's clients know. */
type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'error'

/** Finish reasons of providers that have other names for them; seen in the wild or in their documentation. */
const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map(
  Object.entries<FinishReason>({
    length: 'length',
    max_tokens: 'length',
    MAX_TOKENS: 'length',
    model_length: 'length', // Mistral
    tool_calls: 'tool_calls',
    tool_use: 'tool_calls',
    function_call: 'tool_calls', // OpenAI, before tools
    content_filter: 'content_filter',
    SAFETY: 'content_filter',
    RECITATION: 'content_filter',
    refusal: 'content_filter',
    error: 'error',
    MALFORMED_FUNCTION_CALL: 'error',
    insufficient_system_resource: 'error', // DeepSeek
  }),
)

/** The finish reason under OpenRouter's name; any other one (`eos`, `end_turn`, `completed`) is a `stop`. */
function finishReasonOf(native: string): FinishReason {
  return FINISH_REASONS.get(native) ?? 'stop'
}

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
