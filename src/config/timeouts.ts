import type { Settings } from './settings.ts'

/** The environment variable of each timeout. */
export const TIMEOUT_VARIABLES = {
  connectMs: 'AIBROKER_CONNECT_TIMEOUT_MS',
  headersMs: 'AIBROKER_HEADERS_TIMEOUT_MS',
  firstTokenMs: 'AIBROKER_FIRST_TOKEN_TIMEOUT_MS',
  gapMs: 'AIBROKER_GAP_TIMEOUT_MS',
  answerMs: 'AIBROKER_ANSWER_TIMEOUT_MS',
  wholeMs: 'AIBROKER_REQUEST_TIMEOUT_MS',
} as const

/** The timeouts in milliseconds that are set: to connect, for the headers, the first token, the gap between chunks, a plain response; and for a whole request. */
export type TimeoutSettings = { readonly [Limit in keyof typeof TIMEOUT_VARIABLES]?: number }

const EXAMPLE_MS = 60_000

export function readTimeouts(settings: Settings): TimeoutSettings {
  const limits: Record<string, number> = {}
  for (const [limit, variable] of Object.entries(TIMEOUT_VARIABLES)) {
    if (settings.text(variable) === undefined) continue
    limits[limit] = settings.wholeNumber(variable, 'milliseconds', EXAMPLE_MS)
  }
  return Object.freeze(limits)
}
