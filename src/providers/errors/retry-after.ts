import type { UpstreamHeaders } from '../transport/upstream.ts'

/** Longer values are shortened to this. */
const MAX_RETRY_AFTER_S = 24 * 60 * 60

/**
 * When a provider wants the next request, in seconds, with fractions. The first of these that is there counts:
 *
 * - `retry-after-ms` (OpenAI and Azure; OpenAI's SDKs read it first, openai-node `retryRequest`, 2026-11)
 * - `retry-after`, a count or a date (RFC 9110, 10.2.3)
 * - `error.details[].retryDelay` of `google.rpc.RetryInfo` (Gemini, https://cloud.google.com/apis/design/errors)
 * - `error.metadata.headers["X-RateLimit-Reset"]`, Unix milliseconds (OpenRouter, https://openrouter.ai/docs/api-reference/limits)
 * - a time in the message: “try again in 1m26.4s” (Groq, OpenAI), “retry in 0.9s” (Gemini)
 * - `x-ratelimit-reset-requests` and `-tokens`, durations, of the limit whose remaining count is 0
 *   (OpenAI and Groq, https://console.groq.com/docs/rate-limits)
 * - `anthropic-ratelimit-*-reset`, RFC 3339 (https://docs.anthropic.com/en/api/rate-limits), of an exhausted limit
 */
export function retryAfterOf(headers: UpstreamHeaders, body: string, nowMs: number): number | undefined {
  const seconds =
    fromMilliseconds(headers) ??
    fromRetryAfter(headers, nowMs) ??
    fromBody(body, nowMs) ??
    fromResetDurations(headers) ??
    fromResetDates(headers, nowMs)
  if (seconds === undefined || !Number.isFinite(seconds)) return undefined
  return Math.min(Math.max(0, seconds), MAX_RETRY_AFTER_S)
}

function headerText(headers: UpstreamHeaders, name: keyof UpstreamHeaders): string | undefined {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

function fromMilliseconds(headers: UpstreamHeaders): number | undefined {
  const value = headerText(headers, 'retry-after-ms')
  return value !== undefined && /^\d+(\.\d+)?$/.test(value) ? Number(value) / 1000 : undefined
}

function fromRetryAfter(headers: UpstreamHeaders, nowMs: number): number | undefined {
  const value = headerText(headers, 'retry-after')
  if (value === undefined) return undefined
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value)
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : Math.ceil((at - nowMs) / 1000)
}

const RETRY_DELAY = /"retryDelay"\s*:\s*"(\d+(?:\.\d+)?)s"/
const RESET_AT = /"x-ratelimit-reset"\s*:\s*"?(\d{10,16})"?/i
/** The units are spelled out so that “in 5 requests” is no time. */
const IN_A_WHILE =
  /\b(?:try again|retry|retrying|wait|available again|reset[s]?)\b[^.]{0,40}?\b(?:in|after|for)\s+((?:\d+(?:\.\d+)?\s*(?:ms|milliseconds?|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)\b\s*)+)/i

function fromBody(body: string, nowMs: number): number | undefined {
  const delay = RETRY_DELAY.exec(body)?.[1]
  if (delay !== undefined) return Number(delay)
  const resetAt = RESET_AT.exec(body)?.[1]
  if (resetAt !== undefined) return (unixMs(Number(resetAt)) - nowMs) / 1000
  const stated = IN_A_WHILE.exec(spaced(body))?.[1]
  return stated === undefined ? undefined : durationSeconds(stated)
}

/** Units without spaces in between (`1m26.4s`) are set apart, so that a word boundary ends each. */
function spaced(body: string): string {
  return body.slice(0, 4000).replace(/(\d(?:\.\d+)?(?:ms|[smhd]))(?=\d)/g, '$1 ')
}

function unixMs(value: number): number {
  return value < 1e11 ? value * 1000 : value
}

/** `1m26.4s`, `900ms`, `2 minutes`; `undefined` for anything else. */
function durationSeconds(text: string): number | undefined {
  let seconds = 0
  let isFound = false
  for (const [, count, unit] of spaced(text).matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/gi)) {
    const scale = scaleOf(unit ?? '')
    if (scale === undefined) return undefined
    seconds += Number(count) * scale
    isFound = true
  }
  return isFound ? seconds : undefined
}

function scaleOf(unit: string): number | undefined {
  const name = unit.toLowerCase()
  if (name === 'ms' || name.startsWith('milli')) return 0.001
  return { s: 1, m: 60, h: 3600, d: 86_400 }[name[0] ?? '']
}

const LIMITS = ['requests', 'tokens'] as const

function fromResetDurations(headers: UpstreamHeaders): number | undefined {
  const times = LIMITS.flatMap((limit) => {
    const reset = headerText(headers, `x-ratelimit-reset-${limit}`)
    if (reset === undefined || headers[`x-ratelimit-remaining-${limit}`] !== '0') return []
    const seconds = durationSeconds(reset)
    return seconds === undefined ? [] : [seconds]
  })
  return times.length === 0 ? undefined : Math.max(...times)
}

const DATED_LIMITS = ['requests', 'tokens', 'input-tokens', 'output-tokens'] as const

function fromResetDates(headers: UpstreamHeaders, nowMs: number): number | undefined {
  const times = DATED_LIMITS.flatMap((limit) => {
    const reset = headerText(headers, `anthropic-ratelimit-${limit}-reset`)
    if (reset === undefined || headers[`anthropic-ratelimit-${limit}-remaining`] !== '0') return []
    const at = Date.parse(reset)
    return Number.isNaN(at) ? [] : [(at - nowMs) / 1000]
  })
  return times.length === 0 ? undefined : Math.max(...times)
}
