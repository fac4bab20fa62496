import type { Settings } from './settings.ts'

export const TIME_LIMIT_VARIABLES = {
  connectMs: 'AIBROKER_CONNECT_TIMEOUT_MS',
  headersMs: 'AIBROKER_HEADERS_TIMEOUT_MS',
  firstTokenMs: 'AIBROKER_FIRST_TOKEN_TIMEOUT_MS',
  gapMs: 'AIBROKER_GAP_TIMEOUT_MS',
  answerMs: 'AIBROKER_ANSWER_TIMEOUT_MS',
  wholeMs: 'AIBROKER_REQUEST_TIMEOUT_MS',
} as const

/** How long a provider may take: to connect, for its headers, its first token, between chunks, for a plain answer; and a whole request. */
export type TimeLimitSettings = { readonly [Limit in keyof typeof TIME_LIMIT_VARIABLES]?: number }

const EXAMPLE_MS = 60_000

export function timeLimits(settings: Settings): TimeLimitSettings {
  const limits: Record<string, number> = {}
  for (const [limit, variable] of Object.entries(TIME_LIMIT_VARIABLES)) {
    if (settings.text(variable) === undefined) continue
    limits[limit] = settings.whole(variable, 'milliseconds', EXAMPLE_MS)
  }
  return Object.freeze(limits)
}
