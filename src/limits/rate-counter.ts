import { BrokerError } from '../base/errors.ts'
import type { EffectiveLimit } from './effective-limits.ts'
import { expectedTokens, type ResponseTokens } from './response-tokens.ts'
import { SlidingWindow } from './sliding-window.ts'

/** Counts the requests and tokens of one account in the last minute, and its running requests. */
export class RateCounter {
  readonly #requests = new SlidingWindow()
  readonly #tokens = new SlidingWindow()
  #running = 0
  /** Expected tokens of the running requests, prompts and responses. */
  #expected = 0

  /** The tokens to expect of a response by this limit, beside the prompt's `tokens`. */
  expect(
    { tokensPerMinute }: EffectiveLimit['rule'],
    tokens: number,
    response: ResponseTokens,
    second: number,
  ): number {
    if (tokensPerMinute === undefined) return response.maxTokens
    const left = tokensPerMinute - this.#tokens.sum(second) - this.#expected - tokens
    return expectedTokens(response, tokensPerMinute - tokens, left)
  }

  /** Throws `over-limit` when one more request would exceed the limit. `second` is the monotonic time. */
  check({ name, rule }: EffectiveLimit, tokens: number, second: number): void {
    const { concurrent, requestsPerMinute, tokensPerMinute } = rule
    if (concurrent !== undefined && this.#running >= concurrent)
      throw overLimit(
        `${name} may have ${concurrent} requests running at a time`,
        1,
        this.headers(rule, second),
      )
    if (requestsPerMinute !== undefined && this.#requests.sum(second) + 1 > requestsPerMinute) {
      const wait = this.#requests.secondsUntil(second, requestsPerMinute - 1)
      throw overLimit(
        `${name} may make ${requestsPerMinute} requests a minute`,
        wait,
        this.headers(rule, second),
      )
    }
    if (tokensPerMinute === undefined) return
    if (tokens > tokensPerMinute)
      throw overLimit(
        `${name} may use ${tokensPerMinute} tokens a minute, and this request alone may use ${tokens}`,
        undefined,
        this.headers(rule, second),
      )
    if (this.#tokens.sum(second) + this.#expected + tokens <= tokensPerMinute) return
    // Running requests give back what they don't use, at a time that is unknown; used tokens are known to leave the window.
    const wait = this.#tokens.secondsUntil(second, tokensPerMinute - tokens)
    throw overLimit(`${name} may use ${tokensPerMinute} tokens a minute`, wait, this.headers(rule, second))
  }

  /** Counts a request that starts, with its expected tokens. */
  start(tokens: number, second: number): void {
    this.#requests.add(second, 1)
    this.#running++
    this.#expected += tokens
  }

  /** Counts a request that ends: `used` replaces what was `expected`. */
  finish(expected: number, used: number, second: number): void {
    this.#tokens.add(second, used)
    this.#running--
    this.#expected -= expected
  }

  isIdle(second: number): boolean {
    return this.#running === 0 && this.#requests.sum(second) === 0 && this.#tokens.sum(second) === 0
  }

  /** The headers in OpenAI's names. */
  headers(
    { requestsPerMinute, tokensPerMinute }: EffectiveLimit['rule'],
    second: number,
  ): Record<string, string> {
    const row = (name: string, max: number | undefined, used: number, reset: number): [string, string][] =>
      max === undefined
        ? []
        : [
            [`x-ratelimit-limit-${name}`, String(max)],
            [`x-ratelimit-remaining-${name}`, String(Math.max(0, max - used))],
            [`x-ratelimit-reset-${name}`, `${reset}s`],
          ]
    return Object.fromEntries([
      ...row(
        'requests',
        requestsPerMinute,
        this.#requests.sum(second),
        this.#requests.secondsUntil(second, 0),
      ),
      ...row(
        'tokens',
        tokensPerMinute,
        this.#tokens.sum(second) + this.#expected,
        this.#tokens.secondsUntil(second, 0),
      ),
    ])
  }
}

function overLimit(
  rule: string,
  retryAfter: number | undefined,
  headers: Record<string, string>,
): BrokerError {
  const advice =
    retryAfter === undefined
      ? 'send a shorter prompt, or ask for fewer max_tokens'
      : `try again in ${Math.max(1, retryAfter)} s`
  const details = { headers, ...(retryAfter === undefined ? {} : { retryAfter: Math.max(1, retryAfter) }) }
  return new BrokerError('over-limit', `Rate limit exceeded: ${rule}; ${advice}`, { details })
}
