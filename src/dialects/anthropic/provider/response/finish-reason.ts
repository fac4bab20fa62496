import type { Fields } from '../../../chat-vocabulary.ts'

const FINISH_REASONS: Readonly<Record<string, string>> = {
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  refusal: 'content_filter',
}

/** Both finish reasons of a choice; any other reason of Anthropic is a `stop`. */
export function finishReasons(stopReason: unknown): Fields {
  const native = typeof stopReason === 'string' ? stopReason : 'end_turn'
  return { finish_reason: FINISH_REASONS[native] ?? 'stop', native_finish_reason: native }
}
