import { expect, test } from 'vitest'
import { retryAfterOf } from '../../../src/providers/errors/retry-after.ts'

const NOW = Date.UTC(2026, 10, 30)
const NO_HEADERS = {}
const groq = (time: string) =>
  JSON.stringify({
    error: { message: `Rate limit reached for model. Please try again in ${time}. Need more?` },
  })

test.each([
  ['retry-after-ms', { 'retry-after-ms': '900' }, '{}', 0.9],
  ['retry-after-ms before Retry-After', { 'retry-after-ms': '900', 'retry-after': '7' }, '{}', 0.9],
  ['Retry-After in seconds', { 'retry-after': '7' }, '{}', 7],
  ['Retry-After as a date', { 'retry-after': new Date(NOW + 5000).toUTCString() }, '{}', 5],
  ['Gemini’s RetryInfo', NO_HEADERS, '[{"error":{"details":[{"retryDelay":"0.9s"}]}}]', 0.9],
  [
    'OpenRouter’s reset in metadata',
    NO_HEADERS,
    `{"error":{"metadata":{"headers":{"X-RateLimit-Reset":"${NOW + 1500}"}}}}`,
    1.5,
  ],
  ['a message in milliseconds', NO_HEADERS, groq('900ms'), 0.9],
  ['a message in minutes and seconds', NO_HEADERS, groq('1m26.4s'), 86.4],
  ['a message in words', NO_HEADERS, '{"error":{"message":"Please retry in 2 minutes."}}', 120],
  [
    'an exhausted limit of tokens',
    { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '6m0s' },
    '{}',
    360,
  ],
  [
    'a limit that is not exhausted',
    { 'x-ratelimit-remaining-tokens': '5', 'x-ratelimit-reset-tokens': '6m0s' },
    '{}',
    undefined,
  ],
  [
    'Anthropic’s exhausted limit',
    {
      'anthropic-ratelimit-requests-remaining': '0',
      'anthropic-ratelimit-requests-reset': '2026-11-30T00:00:30Z',
    },
    '{}',
    30,
  ],
  ['Retry-After as a duration', { 'retry-after': '1m26.4s' }, '{}', 86.4],
  ['Retry-After in milliseconds with their unit', { 'retry-after': '900ms' }, '{}', 0.9],
  ['Retry-After as Unix seconds', { 'retry-after': String(NOW / 1000 + 7) }, '{}', 7],
  ['Retry-After as an ISO date', { 'retry-after': new Date(NOW + 5000).toISOString() }, '{}', 5],
  ['a negative Retry-After', { 'retry-after': '-1' }, '{}', undefined],
  ['Together’s reset', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '7' }, '{}', 7],
  [
    'GitHub’s reset in Unix seconds',
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1000 + 7) },
    '{}',
    7,
  ],
  [
    'Cerebras’s reset in seconds',
    {
      'x-ratelimit-remaining-tokens-minute': '0',
      'x-ratelimit-reset-tokens-minute': '6.5',
      'x-ratelimit-remaining-requests-day': '9',
      'x-ratelimit-reset-requests-day': '33011.3',
    },
    '{}',
    6.5,
  ],
  ['Mistral’s reset', { 'ratelimitbysize-remaining': '0', 'ratelimitbysize-reset': '7' }, '{}', 7],
  ['the IETF’s header', { ratelimit: '"default";r=0;t=7' }, '{}', 7],
  ['the IETF’s header of a limit that is not exhausted', { ratelimit: '"default";r=3;t=7' }, '{}', undefined],
  [
    'a RetryInfo with seconds of its own',
    NO_HEADERS,
    '{"error":{"details":[{"retryDelay":{"seconds":7}}]}}',
    7,
  ],
  [
    'Google’s quotaResetDelay',
    NO_HEADERS,
    '{"error":{"details":[{"metadata":{"quotaResetDelay":"1h16m0.5s"}}]}}',
    4560.5,
  ],
  ['retry_after_seconds', NO_HEADERS, '{"error":{"metadata":{"retry_after_seconds":7}}}', 7],
  ['resets_at', NO_HEADERS, `{"error":{"resets_at":${NOW / 1000 + 7}}}`, 7],
  [
    'a date in a message',
    NO_HEADERS,
    '{"error":{"message":"Your limit will reset at 2026-11-30 00:01:00"}}',
    60,
  ],
  ['a message without a time', NO_HEADERS, '{"error":{"message":"try again in 5 requests"}}', undefined],
  ['more than a day', { 'retry-after': '9999999' }, '{}', 86_400],
] as const)('the time of the next request is read from %s', (_where, headers, body, seconds) => {
  expect(retryAfterOf(headers, body, NOW)).toBe(seconds)
})
