import { isObject } from '../../../wire/json/json-body.ts'
import { fieldsOf, type Fields } from '../../chat-vocabulary.ts'

/** What Anthropic's clients know (`@anthropic-ai/sdk` 1.14, read 2026-11); typed clients fail at any other. */
const STOP_REASONS: ReadonlySet<unknown> = new Set([
  'end_turn',
  'max_tokens',
  'stop_sequence',
  'tool_use',
  'pause_turn',
  'refusal',
  'model_context_window_exceeded',
  'compaction',
])

const BY_FINISH_REASON: Readonly<Record<string, string>> = {
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
}

/** Why a message ended, as its `stop_…` fields. */
export interface Stop {
  readonly stop_reason: string
  readonly stop_sequence: unknown
  readonly stop_details: unknown
}

/** @param choice that ended. @param hasCalls it called a tool, which decides whatever reason the provider gave. */
export function stopOf(choice: Fields, hasCalls: boolean): Stop {
  const { finish_reason: reason, native_finish_reason: native } = choice
  const own = fieldsOf(choice, 'anthropic')
  const usual = BY_FINISH_REASON[String(reason)] ?? 'end_turn'
  const stated = STOP_REASONS.has(native) ? String(native) : usual
  const stop_reason = hasCalls && stated === 'end_turn' ? 'tool_use' : stated
  return {
    stop_reason,
    stop_sequence: own['stop_sequence'] ?? null,
    stop_details: isObject(own['stop_details']) ? own['stop_details'] : detailsOf(stop_reason),
  }
}

function detailsOf(reason: string): unknown {
  return reason === 'refusal' ? { type: 'refusal', category: null, explanation: null } : null
}
