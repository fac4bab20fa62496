import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import type { ProviderRequest } from '../provider.ts'
import { patienceMs, type History } from './patience.ts'
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

/** The parts of a request that its deadlines depend on. */
export type TimedRequest = Pick<ProviderRequest, 'stream' | 'deadlineAt'> &
  Partial<Pick<ProviderRequest, 'body' | 'hasAlternative' | 'isReasoningModel'>>

const NO_HISTORY: History = { limitMs: 0, gaveUpAfter: () => undefined }

/** What is waited for. */
type Phase = 'sending' | 'headers' | 'first-token' | 'next-bytes' | 'end'

/** The deadlines of one request to a provider, from its start until `stop`. */
export class ResponseTimeouts implements Timed {
  place = -1
  readonly #parts: ResponseTimeoutsParts
  readonly #request: TimedRequest
  readonly #handler: TimeoutHandler
  readonly #history: History
  #phase: Phase = 'sending'
  /** When the request was sent; when the last bytes came; since when only the end is missing. */
  #since = 0
  #sentAt = 0
  #isPaused = false

  constructor(
    parts: ResponseTimeoutsParts,
    request: TimedRequest,
    handler: TimeoutHandler,
    history: History = NO_HISTORY,
  ) {
    this.#parts = parts
    this.#request = request
    this.#handler = handler
    this.#history = history
    parts.timer.add(this)
  }

  stop(): void {
    this.#parts.timer.delete(this)
  }

  onSent(): void {
    this.#enter('headers')
    this.#sentAt = this.#since
  }

  onHeaders(): void {
    if (this.#phase === 'headers') this.#phase = 'first-token'
  }

  /** The first token of a stream, the first byte of a plain response. Returns the milliseconds since the request was sent. */
  onFirstByte(): number {
    if (this.#phase === 'end') return this.#parts.clock.monotonic() - this.#sentAt
    this.#enter('next-bytes')
    return this.#since - this.#sentAt
  }

  /** Without an alternative, heartbeats and chunks without text are signs of life before the first token, too. */
  onBytes(): void {
    const isAlive = this.#phase === 'first-token' && this.#request.hasAlternative !== true
    if (this.#phase === 'next-bytes' || isAlive) this.#since = this.#parts.clock.monotonic()
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
    const silentMs = now - this.#since
    const limit = isPastDeadline ? 'whole_request' : this.#exceeded(silentMs)
    if (limit === undefined) return
    if (limit === 'whole_request') return this.#handler.onTimeout(timeoutError(limit, limits.wholeMs))
    if (limit !== 'gap') this.#history.gaveUpAfter(silentMs)
    this.#handler.onTimeout(timeoutError(limit, Math.min(limits[EXCEEDED[limit].limit], this.#patienceMs())))
  }

  #enter(phase: Phase): void {
    this.#phase = phase
    this.#since = this.#parts.clock.monotonic()
  }

  /** The limit that the provider's silence has exceeded. */
  #exceeded(silentMs: number): LimitName | undefined {
    const { limits } = this.#parts
    if (this.#phase === 'sending' || this.#isPaused) return undefined
    const patience = this.#patienceMs()
    if (this.#phase === 'next-bytes') return silentMs >= Math.min(limits.gapMs, patience) ? 'gap' : undefined
    if (!this.#request.stream) return silentMs >= Math.min(limits.answerMs, patience) ? 'answer' : undefined
    if (this.#phase === 'headers' && silentMs >= Math.min(limits.headersMs, patience)) return 'headers'
    return silentMs >= Math.min(limits.firstTokenMs, patience) ? 'first_token' : undefined
  }

  #patienceMs(): number {
    return patienceMs(this.#request, this.#history.limitMs)
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

function timeoutError(name: LimitName, ms: number): BrokerError {
  const { what } = EXCEEDED[name]
  return new BrokerError('upstream-timeout', `${what} within ${Math.round(ms / 100) / 10} s`, {
    details: { metadata: { time_limit: name } },
  })
}
