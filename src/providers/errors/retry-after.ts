import { RATE_LIMITS, type UpstreamHeaders } from '../transport/upstream.ts'

/** Longer values are shortened to this. */
const MAX_RETRY_AFTER_S = 24 * 60 * 60

/**
 * When a provider wants the next request, in seconds, with fractions. The first of these that is there counts:
 *
 * - `retry-after-ms` (OpenAI and Azure; OpenAI's SDKs read it first, openai-node `retryRequest`, 2026-11)
 * - `retry-after`, a count or a date (RFC 9110, 10.2.3), a duration, or a time as Unix seconds
 * - `error.details[].retryDelay` of `google.rpc.RetryInfo` (Gemini, https://cloud.google.com/apis/design/errors), or
 *   `quotaResetDelay` of its `ErrorInfo`
 * - `error.metadata.headers["X-RateLimit-Reset"]`, Unix milliseconds (OpenRouter, https://openrouter.ai/docs/api-reference/limits)
 * - `retry_after`, `retry_after_seconds`, `resets_in_seconds` or `resets_at` in the error (OpenRouter, ChatGPT)
 * - a time in the message: “try again in 1m26.4s” (Groq, OpenAI), “retry in 0.9s” (Gemini), “reset at 2026-12-01 05:00:00” (Z.AI)
 * - `x-ratelimit-reset-*` of the limit whose remaining count is 0: durations (OpenAI and Groq,
 *   https://console.groq.com/docs/rate-limits), seconds (Cerebras), or Unix seconds (SambaNova)
 * - `anthropic-ratelimit-*-reset`, RFC 3339 (https://docs.anthropic.com/en/api/rate-limits), of an exhausted limit
 * - `x-ratelimit-reset` (Together, GitHub), `ratelimit-reset`, `ratelimitbysize-reset` (Mistral), and `ratelimit` with `t=`
 *   (IETF draft, Hugging Face), of an exhausted limit
 */
export function retryAfterOf(headers: UpstreamHeaders, body: string, nowMs: number): number | undefined {
  const seconds =
    fromMilliseconds(headers) ??
    fromRetryAfter(headers, nowMs) ??
    fromBody(body, nowMs) ??
    fromResets(headers, nowMs) ??
    fromRateLimit(headers)
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
  const seconds = value === undefined ? undefined : secondsUntil(value, nowMs)
  return seconds === undefined ? undefined : wholeForDates(value, seconds)
}

/** An HTTP date has no fractions, so that a rest of a second is rounded up. */
function wholeForDates(value: string | undefined, seconds: number): number {
  return /^\w{3},/.test(value ?? '') ? Math.ceil(seconds) : seconds
}

/** Larger numbers are times since 1970. */
const MAX_COUNT = 1e9

/** A time as a count of seconds, a duration, Unix seconds or milliseconds, or a date. */
function secondsUntil(value: string, nowMs: number): number | undefined {
  const text = value.trim()
  if (/^\d+(\.\d+)?$/.test(text)) {
    const count = Number(text)
    return count < MAX_COUNT ? count : (unixMs(count) - nowMs) / 1000
  }
  if (/^(\d+(\.\d+)?\s*[a-zµ]+\s*)+$/i.test(text)) return durationSeconds(text)
  const at = /^-?\d/.test(text) && !/^\d{4}-\d\d-\d\d/.test(text) ? Number.NaN : Date.parse(text)
  return Number.isNaN(at) ? undefined : (at - nowMs) / 1000
}

const RETRY_DELAY = /"(?:retryDelay|quotaResetDelay)"\s*:\s*(?:"([\d.hms]+)"|\{\s*"seconds"\s*:\s*"?(\d+))/
const SECONDS_FIELD =
  /"(?:retry_after|retry_after_seconds|retryAfter|resets_in_seconds|resets_at|reset_at)"\s*:\s*"?(\d+(?:\.\d+)?)\b/i
const RESETS_AT = /\breset[s]? at:?\s+(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:?\d\d)?)/i
const RESET_AT = /"x-ratelimit-reset"\s*:\s*"?(\d{10,16})"?/i
/** The units are spelled out so that “in 5 requests” is no time. */
const IN_A_WHILE =
  /\b(?:try again|retry|retrying|wait|available again|reset[s]?)\b[^.]{0,40}?\b(?:in|after|for)\s+((?:\d+(?:\.\d+)?\s*(?:ms|milliseconds?|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)\b\s*)+)/i

function fromBody(raw: string, nowMs: number): number | undefined {
  // Gateways put the JSON of an error as a text into their own.
  const body = raw.includes('\\"') ? raw.replaceAll('\\"', '"') : raw
  const delay = RETRY_DELAY.exec(body)
  if (delay !== null) return delay[1] === undefined ? Number(delay[2]) : durationSeconds(delay[1])
  const resetAt = RESET_AT.exec(body)?.[1]
  if (resetAt !== undefined) return (unixMs(Number(resetAt)) - nowMs) / 1000
  const field = SECONDS_FIELD.exec(body)?.[1]
  if (field !== undefined) return secondsUntil(field, nowMs)
  const stated = IN_A_WHILE.exec(spaced(body))?.[1]
  return stated === undefined ? fromDateInText(body, nowMs) : durationSeconds(stated)
}

/** A date without a zone is in an unknown one: it is only believed where it is less than a day away. */
function fromDateInText(body: string, nowMs: number): number | undefined {
  const date = RESETS_AT.exec(body)?.[1]
  if (date === undefined) return undefined
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/.test(date)
  const seconds = (Date.parse(`${date.replace(' ', 'T')}${hasZone ? '' : 'Z'}`) - nowMs) / 1000
  return seconds >= 0 && seconds <= MAX_RETRY_AFTER_S ? seconds : undefined
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

/** The latest reset of the limits that are exhausted. */
function fromResets(headers: UpstreamHeaders, nowMs: number): number | undefined {
  const times = RATE_LIMITS.flatMap(({ reset, remaining }) => {
    const value = headerText(headers, reset)
    if (value === undefined || headers[remaining] !== '0') return []
    return secondsUntil(value, nowMs) ?? []
  })
  return times.length === 0 ? undefined : Math.max(...times)
}

/** `"default";r=0;t=30`, or `limit=100, remaining=0, reset=30` of earlier drafts. */
const EXHAUSTED = /\br=0\b.*?\bt=(\d+)|\bremaining=0\b.*?\breset=(\d+)/

function fromRateLimit(headers: UpstreamHeaders): number | undefined {
  const time = EXHAUSTED.exec(headerText(headers, 'ratelimit') ?? '')
  return time === null ? undefined : Number(time[1] ?? time[2])
}
