import type { Fields } from '../chat-vocabulary.ts'

/** Google's reasons (`@google/genai` 3.3, read 2026-11), and what each is in a chat. A call of a function ends with STOP, too. */
const FINISH_REASONS: Readonly<Record<string, string>> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  SAFETY: 'content_filter',
  RECITATION: 'content_filter',
  LANGUAGE: 'content_filter',
  BLOCKLIST: 'content_filter',
  PROHIBITED_CONTENT: 'content_filter',
  SPII: 'content_filter',
  IMAGE_SAFETY: 'content_filter',
  IMAGE_PROHIBITED_CONTENT: 'content_filter',
  IMAGE_RECITATION: 'content_filter',
  MODEL_ARMOR: 'content_filter',
  IMAGE_OTHER: 'stop',
  NO_IMAGE: 'stop',
  OTHER: 'stop',
}

/** Reasons with which a model failed: there is no response that is of use. */
const FAILURES = new Set([
  'MALFORMED_FUNCTION_CALL',
  'UNEXPECTED_TOOL_CALL',
  'TOO_MANY_TOOL_CALLS',
  'MISSING_THOUGHT_SIGNATURE',
  'MALFORMED_RESPONSE',
])

export function isFailure(reason: unknown): boolean {
  return typeof reason === 'string' && FAILURES.has(reason)
}

/** Both finish reasons of a choice. A call beats STOP. */
export function finishReasons(reason: unknown, hasCalls: boolean): Fields {
  const native = typeof reason === 'string' ? reason : 'STOP'
  const usual = FINISH_REASONS[native] ?? 'stop'
  return { finish_reason: usual === 'stop' && hasCalls ? 'tool_calls' : usual, native_finish_reason: native }
}

const BY_CHAT: Readonly<Record<string, string>> = { length: 'MAX_TOKENS', content_filter: 'SAFETY' }

/** The reason for a client of Google's; typed clients know no others. */
export function finishReasonOut({ finish_reason: reason, native_finish_reason: native }: Fields): string {
  if (typeof native === 'string' && Object.hasOwn(FINISH_REASONS, native)) return native
  return BY_CHAT[String(reason)] ?? 'STOP'
}
