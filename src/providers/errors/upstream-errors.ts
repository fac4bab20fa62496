import { BrokerError, type ErrorCode } from '../../base/errors.ts'
import { refusalKind } from './refusal-kinds.ts'
import type { UpstreamHeaders } from '../transport/upstream.ts'

/** What a provider's status means to us; others by their hundred. Field knowledge, one row each. */
const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'upstream-denied', // our key is wrong
  402: 'upstream-denied', // our account has no credit
  403: 'upstream-denied', // our key may not do this, or the country is barred
  404: 'upstream-failed', // it doesn't have the model (any more): another endpoint may
  408: 'upstream-timeout',
  413: 'upstream-refused',
  429: 'upstream-busy',
  498: 'upstream-busy', // Groq: flex capacity exceeded
  504: 'upstream-timeout',
  524: 'upstream-timeout', // Cloudflare: the origin didn't answer in time
  529: 'upstream-busy', // Anthropic and OpenRouter: overloaded
}

const RAW_LIMIT = 2000
/** No provider means us to wait for longer than this, whatever its header says. */
const LONGEST_RETRY_AFTER_S = 24 * 60 * 60

/** The error that stands for a provider's answer with a status other than 200. */
export function errorOfStatus(
  provider: string,
  status: number,
  headers: UpstreamHeaders,
  body: string,
  nowMs: number,
): BrokerError {
  const said = wordsIn(body)
  return new BrokerError(codeOf(status, said), said.message ?? `${provider} answered with status ${status}`, {
    details: {
      provider,
      status,
      raw: body.slice(0, RAW_LIMIT),
      retryAfter: retryAfter(headers, nowMs),
      mayBill: said.mayBill,
    },
  })
}

/** The error that stands for an `error` object inside a 200, as OpenRouter and others send it. */
export function errorOfObject(provider: string, value: unknown): BrokerError {
  const text = JSON.stringify({ error: value })
  const said = wordsIn(text)
  const status = statusIn(value)
  return new BrokerError(
    codeOf(status, said),
    said.message ?? 'the provider reported an error in its answer',
    {
      details: { provider, raw: text.slice(0, RAW_LIMIT), status, mayBill: said.mayBill },
    },
  )
}

function codeOf(status: number | undefined, { names, message }: Words): ErrorCode {
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

/** What a provider says of an error: names for programs, a sentence for people. */
interface Words {
  readonly names: readonly unknown[]
  readonly message: string | undefined
  /** A broker of our own kind says so when it may have to pay for what failed. */
  readonly mayBill?: true | undefined
}

const NO_WORDS: Words = { names: [], message: undefined }

/** Finds the names and the sentence in the shapes that providers use. */
function wordsIn(raw: string): Words {
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
  if (typeof object !== 'object' || object === null) return NO_WORDS
  const error = typeof object.error === 'object' && object.error !== null ? object.error : undefined
  const sentences = [error?.message ?? object.error, object.message, object.detail]
  return {
    names: [error?.code, error?.type, error?.metadata?.error_type, object.code, object.type],
    message: sentences.find((text): text is string => typeof text === 'string' && text !== ''),
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
  return Number.isFinite(seconds)
    ? Math.min(Math.max(0, Math.ceil(seconds)), LONGEST_RETRY_AFTER_S)
    : undefined
}
