import { BrokerError, type ErrorCode } from '../base/errors.ts'
import type { UpstreamHeaders } from './upstream.ts'

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

/** The error that stands for a provider's answer with a status other than 200. */
export function errorOfStatus(
  provider: string,
  status: number,
  headers: UpstreamHeaders,
  body: string,
  nowMs: number,
): BrokerError {
  const raw = body.slice(0, RAW_LIMIT)
  const code = BY_STATUS[status] ?? (status >= 400 && status < 500 ? 'upstream-refused' : 'upstream-failed')
  return new BrokerError(code, messageIn(raw) ?? `${provider} answered with status ${status}`, {
    details: { provider, status, raw, retryAfter: retryAfter(headers, nowMs) },
  })
}

/** The error that stands for an `error` object inside a 200, as OpenRouter and others send it. */
export function errorOfObject(provider: string, value: unknown): BrokerError {
  const raw = JSON.stringify(value).slice(0, RAW_LIMIT)
  const code = Number((value as { code?: unknown } | null)?.code)
  const isStatus = Number.isInteger(code) && code >= 400 && code < 600
  const message =
    messageIn(JSON.stringify({ error: value })) ?? 'the provider reported an error in its answer'
  const errorCode = isStatus
    ? (BY_STATUS[code] ?? (code < 500 ? 'upstream-refused' : 'upstream-failed'))
    : 'upstream-failed'
  return new BrokerError(errorCode, message, {
    details: { provider, raw, status: isStatus ? code : undefined },
  })
}

/** Finds the sentence meant for people in the shapes that providers use. */
function messageIn(raw: string): string | undefined {
  let value: unknown
  try {
    value = JSON.parse(raw)
  } catch {
    return undefined
  }
  if (Array.isArray(value)) value = value[0]
  const object = value as {
    error?: { message?: unknown } | string
    message?: unknown
    detail?: unknown
  } | null
  const error = object?.error
  const found = [typeof error === 'object' ? error?.message : error, object?.message, object?.detail]
  return found.find((text): text is string => typeof text === 'string' && text !== '')
}

/** Seconds from `Retry-After` (RFC 9110, 10.2.3): a count or a date. */
function retryAfter(headers: UpstreamHeaders, nowMs: number): number | undefined {
  const value = headers['retry-after']
  if (typeof value !== 'string') return undefined
  const seconds = /^\d+(\.\d+)?$/.test(value) ? Number(value) : (Date.parse(value) - nowMs) / 1000
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined
}
