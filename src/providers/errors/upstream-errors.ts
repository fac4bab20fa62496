import { BrokerError, type ErrorCode } from '../../base/errors.ts'
import type { Secret } from '../../base/secret.ts'
import { refusalKind } from './refusal-kinds.ts'
import type { UpstreamHeaders } from '../transport/upstream.ts'

/** The error code of a provider's status. Other statuses are mapped by their class: 4xx, 5xx. */
const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'upstream-denied', // our key is wrong
  402: 'upstream-denied', // our account has no credit
  403: 'upstream-denied', // our key may not do this, or the country is barred
  404: 'upstream-failed', // it does not have the model (any more); another endpoint may
  408: 'upstream-timeout',
  413: 'upstream-refused',
  429: 'upstream-busy',
  498: 'upstream-busy', // Groq: flex capacity exceeded
  504: 'upstream-timeout',
  524: 'upstream-timeout', // Cloudflare: the origin didn't answer in time
  529: 'upstream-busy', // Anthropic and OpenRouter: overloaded
}

const MAX_RAW = 2000
/** Longer `Retry-After` values are shortened to this. */
const MAX_RETRY_AFTER_S = 24 * 60 * 60

/** The error for a provider's response with a status other than 200. */
export function errorOfStatus(
  provider: string,
  status: number,
  headers: UpstreamHeaders,
  body: string,
  nowMs: number,
): BrokerError {
  const content = errorContent(body)
  return new BrokerError(
    codeOf(status, content),
    content.message ?? `${provider} responded with status ${status}`,
    {
      details: {
        provider,
        status,
        raw: body.slice(0, MAX_RAW),
        retryAfter: retryAfter(headers, nowMs),
        mayBeCharged: content.mayBill,
      },
    },
  )
}

/** The error for an `error` object inside a 200, as OpenRouter and others send it. */
export function errorOfObject(provider: string, value: unknown): BrokerError {
  const text = JSON.stringify({ error: value })
  const content = errorContent(text)
  const status = statusIn(value)
  return new BrokerError(
    codeOf(status, content),
    content.message ?? 'the provider reported an error in its response',
    {
      details: { provider, raw: text.slice(0, MAX_RAW), status, mayBeCharged: content.mayBill },
    },
  )
}

function codeOf(status: number | undefined, { names, message }: ErrorContent): ErrorCode {
  const byStatus = status === undefined ? 'upstream-failed' : codeOfStatus(status)
  const mayBeRefusal = status === undefined || status < 429 || status === 500
  return (mayBeRefusal ? refusalKind(names, message) : undefined) ?? byStatus
}

function codeOfStatus(status: number): ErrorCode {
  return BY_STATUS[status] ?? (status >= 400 && status < 500 ? 'upstream-refused' : 'upstream-failed')
}

function statusIn(value: unknown): number | undefined {
  const code = Number((value as { code?: unknown } | null)?.code)
  return Number.isInteger(code) && code >= 400 && code < 600 ? code : undefined
}

/** The content of a provider's error: names for programs, a message for people. */
interface ErrorContent {
  readonly names: readonly unknown[]
  readonly message: string | undefined
  /** Another broker sets this when it may have to pay for the failed request. */
  readonly mayBill?: true | undefined
}

const NO_CONTENT: ErrorContent = { names: [], message: undefined }

/** Finds the names and the message in the shapes that providers use. */
function errorContent(raw: string): ErrorContent {
  const object = parsed(raw) as {
    error?:
      | {
          message?: unknown
          code?: unknown
          type?: unknown
          metadata?: { error_type?: unknown; may_cost?: unknown }
        }
      | string
    message?: unknown
    detail?: unknown
    code?: unknown
    type?: unknown
  } | null
  if (typeof object !== 'object' || object === null) return NO_CONTENT
  const error = typeof object.error === 'object' && object.error !== null ? object.error : undefined
  const messages = [error?.message ?? object.error, object.message, object.detail]
  return {
    names: [error?.code, error?.type, error?.metadata?.error_type, object.code, object.type],
    message: messages.find((text): text is string => typeof text === 'string' && text !== ''),
    mayBill: error?.metadata?.may_cost === true ? true : undefined,
  }
}

function parsed(raw: string): unknown {
  try {
    const value: unknown = JSON.parse(raw)
    return Array.isArray(value) ? value[0] : value
  } catch {
    return undefined
  }
}

/** Seconds from `Retry-After` (RFC 9110, 10.2.3): a count or a date. */
function retryAfter(headers: UpstreamHeaders, nowMs: number): number | undefined {
  const value = headers['retry-after']
  if (typeof value !== 'string') return undefined
  const seconds = /^\d+(\.\d+)?$/.test(value) ? Number(value) : (Date.parse(value) - nowMs) / 1000
  return Number.isFinite(seconds) ? Math.min(Math.max(0, Math.ceil(seconds)), MAX_RETRY_AFTER_S) : undefined
}

/** Anything thrown while a provider's response is handled is a failure of the provider. */
export function asUpstreamError(error: unknown): BrokerError {
  if (error instanceof BrokerError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new BrokerError('upstream-failed', message, { cause: error })
}

/** Adds the provider's name, and removes our own key from the provider's text: some providers repeat the key they refuse. */
export function withProvider(error: BrokerError, provider: string, key: Secret | undefined): BrokerError {
  const hide = (text: string): string => (key === undefined ? text : text.replaceAll(key.reveal(), '***'))
  const { raw } = error.details
  return new BrokerError(error.code, hide(error.message), {
    cause: error.cause,
    details: { provider, ...error.details, raw: raw === undefined ? undefined : hide(raw) },
  })
}
