import { ERRORS, type BrokerError } from '../../../base/errors.ts'
import { paramOf, typeAndCodeOf } from '../../../wire/openai/error-names.ts'
import type { DialectError } from '../../client-dialect.ts'
import type { Fields } from '../../chat-vocabulary.ts'

/** Failures that the same request meets again, which clients would otherwise repeat because of their status. */
const LASTING: ReadonlySet<string> = new Set([
  'upstream-denied',
  'store-full',
  'over-budget',
  'answer-unknown',
])

/** An error in OpenAI's shape, with the broker's own code as a header. */
export function renderError(error: BrokerError): DialectError {
  const { code, message, details } = error
  const headers: Record<string, string> = { ...details.headers, 'x-aibroker-error': code }
  if (details.retryAfter !== undefined)
    headers['retry-after'] = String(Math.max(0, Math.ceil(details.retryAfter)))
  if (LASTING.has(code)) headers['x-should-retry'] = 'false'
  if (code === 'unauthorized') headers['www-authenticate'] = 'Bearer'
  const [type, name] = typeAndCodeOf(error)
  const param = code === 'context-too-long' ? 'input' : paramOf(error)
  const body = { error: { message, type, param, code: name }, error_type: ERRORS[code].type }
  return { status: ERRORS[code].http, headers, body }
}

/** Codes of a failed response that clients act on, where they do not follow from the status. */
const FAILURES: Readonly<Record<string, string>> = {
  'over-limit': 'rate_limit_exceeded',
  'upstream-busy': 'rate_limit_exceeded',
  'over-budget': 'insufficient_quota',
  'context-too-long': 'context_length_exceeded',
  'content-refused': 'invalid_prompt',
}

/**
 * The error of a response that failed. Codex repeats a request whose response failed, after the time that the message of a
 * rate limit names, and reports an exceeded context or quota (0.171, read 2026-11).
 */
export function failureOf({ code, message, details }: BrokerError): Fields {
  const name = FAILURES[code] ?? (ERRORS[code].http < 500 ? 'invalid_prompt' : 'server_error')
  const wait = Math.max(1, Math.ceil(details.retryAfter ?? 1))
  const isLimit = name === 'rate_limit_exceeded'
  return { code: name, message: isLimit ? `${message}. Please try again in ${wait}s.` : message }
}
