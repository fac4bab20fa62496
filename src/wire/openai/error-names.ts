import { ERRORS, type BrokerError, type ErrorCode } from '../../base/errors.ts'

/** How OpenAI names errors: https://platform.openai.com/docs/guides/error-codes, read 2026-11. */
type TypeAndCode = readonly [type: string, code: string]

const INVALID = 'invalid_request_error'
const SERVER = 'server_error'

/** OpenAI's type and code of our errors, where they do not follow from the status. */
const NAMES: Readonly<Partial<Record<ErrorCode, TypeAndCode>>> = {
  'over-budget': ['insufficient_quota', 'insufficient_quota'],
  'over-limit': ['requests', 'rate_limit_exceeded'],
  'upstream-busy': ['requests', 'rate_limit_exceeded'],
  'no-such-model': [INVALID, 'model_not_found'],
  'none-fits': [INVALID, 'model_not_found'],
  'context-too-long': [INVALID, 'context_length_exceeded'],
  'content-refused': [INVALID, 'content_policy_violation'],
  'wrong-method': [INVALID, 'method_not_supported'],
  'unsupported-media': [INVALID, 'unsupported_content_type'],
  'key-reused': ['idempotency_error', 'idempotency_error'],
  'upstream-timeout': [SERVER, 'timeout'],
  overloaded: [SERVER, 'server_overloaded'],
}

const NAMES_BY_STATUS: Readonly<Record<number, TypeAndCode>> = {
  401: [INVALID, 'invalid_api_key'],
  403: [INVALID, 'permission_denied'],
  404: [INVALID, 'not_found'],
  408: [INVALID, 'request_timeout'],
  413: [INVALID, 'request_too_large'],
  431: [INVALID, 'request_too_large'],
  503: [SERVER, 'service_unavailable'],
}

/** The field that an error is about, where it is the same in every request. */
const PARAMS: Readonly<Partial<Record<ErrorCode, string>>> = {
  'no-such-model': 'model',
  'none-fits': 'model',
  'context-too-long': 'messages',
}

/** The `type` and the `code` of an error. */
export function typeAndCodeOf({ code }: BrokerError): TypeAndCode {
  const { http } = ERRORS[code]
  const usual: TypeAndCode = http < 500 ? [INVALID, 'invalid_request'] : [SERVER, SERVER]
  return NAMES[code] ?? NAMES_BY_STATUS[http] ?? usual
}

/** The field of the request that an error is about. */
export function paramOf({ code, details }: BrokerError): string | null {
  return details.field ?? PARAMS[code] ?? null
}
