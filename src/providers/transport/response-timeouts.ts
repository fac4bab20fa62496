import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import type { ProviderRequest } from '../provider.ts'
import type { TimeLimits, Timed, DeadlineTimer } from './timeouts.ts'

/** What all requests to one provider share. */
export interface ResponseTimeoutsParts {
  readonly clock: Clock
  readonly timer: DeadlineTimer
  readonly limits: TimeLimits
}

export interface TimeoutHandler {
  /** The provider has been silent for too long, or the whole request is past its deadline. */
  onTimeout(error: BrokerError): void
  /** The response is complete, but its end mark or the end of the connection does not come. */
  onLinger(): void
}

/** What is waited for. */
type Phase = 'sending' | 'headers' | 'first-token' | 'next-bytes' | 'end'

/** The deadlines of one request to a provider, from its start until `stop`. */
export class ResponseTimeouts implements Timed {
  place = -1
  readonly #parts: ResponseTimeoutsParts
  readonly #request: Pick<ProviderRequest, 'stream' | 'deadlineAt'>
  readonly #handler: TimeoutHandler
  #phase: Phase = 'sending'
  /** When the request was sent; when the last bytes came; since when only the end is missing. */
  #since = 0
  #isPaused = false

  constructor(
    parts: ResponseTimeoutsParts,
    request: Pick<ProviderRequest, 'stream' | 'deadlineAt'>,
    handler: TimeoutHandler,
  ) {
    this.#parts = parts
    this.#request = request
    this.#handler = handler
    parts.timer.add(this)
  }

  stop(): void {
    this.#parts.timer.delete(this)
  }

  onSent(): void {
    this.#enter('headers')
  }

  onHeaders(): void {
    if (this.#phase === 'headers') this.#phase = 'first-token'
  }

  /** The first token of a stream, the first byte of a plain response. */
  onFirstByte(): void {
    if (this.#phase !== 'end') this.#enter('next-bytes')
  }

  onBytes(): void {
    if (this.#phase === 'next-bytes') this.#since = this.#parts.clock.monotonic()
  }

  /** Every choice has its finish reason: usage and an end mark may still come, but not for long. */
  onFinished(): void {
    if (this.#phase !== 'end') this.#enter('end')
  }

  /** The response goes on although it seemed to have ended. */
  onResumed(): void {
    this.#enter('next-bytes')
  }

  /** While the caller reads slowly, the provider's silence is our doing. */
  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    if (this.#phase === 'next-bytes') this.#since = this.#parts.clock.monotonic()
  }

  check(now: number): void {
    const { limits } = this.#parts
    const { deadlineAt } = this.#request
    if (this.#phase === 'end') {
      if (now - this.#since >= limits.lingerMs) this.#handler.onLinger()
      return
    }
    const isPastDeadline = deadlineAt !== undefined && now >= deadlineAt
    const limit = isPastDeadline ? 'whole_request' : this.#exceeded(now - this.#since)
    if (limit !== undefined) this.#handler.onTimeout(timeoutError(limit, limits))
  }

  #enter(phase: Phase): void {
    this.#phase = phase
    this.#since = this.#parts.clock.monotonic()
  }

  /** The limit that the provider's silence has exceeded. */
  #exceeded(silentMs: number): LimitName | undefined {
    const { limits } = this.#parts
    if (this.#phase === 'sending' || this.#isPaused) return undefined
    if (this.#phase === 'next-bytes') return silentMs >= limits.gapMs ? 'gap' : undefined
    if (!this.#request.stream) return silentMs >= limits.answerMs ? 'answer' : undefined
    if (this.#phase === 'headers' && silentMs >= limits.headersMs) return 'headers'
    return silentMs >= limits.firstTokenMs ? 'first_token' : undefined
  }
}

type LimitName = 'headers' | 'first_token' | 'gap' | 'answer' | 'whole_request'

const EXCEEDED: Readonly<Record<LimitName, { readonly limit: keyof TimeLimits; readonly what: string }>> = {
  headers: { limit: 'headersMs', what: 'the provider sent no response headers' },
  first_token: { limit: 'firstTokenMs', what: 'the provider sent no first token' },
  gap: { limit: 'gapMs', what: 'the provider fell silent in the middle of its response: nothing came' },
  answer: { limit: 'answerMs', what: 'the provider sent no response' },
  whole_request: { limit: 'wholeMs', what: 'the request was not complete' },
}

function timeoutError(name: LimitName, limits: TimeLimits): BrokerError {
  const { limit, what } = EXCEEDED[name]
  return new BrokerError('upstream-timeout', `${what} within ${limits[limit] / 1000} s`, {
    details: { metadata: { time_limit: name } },
  })
}
