import { backoffMs } from '../../base/backoff.ts'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import type { Connection } from './connection.ts'
import { startProblem } from './server-errors.ts'

const RESTART_BACKOFF = { firstMs: 500, maxMs: 60_000 }
/** A connection that lived this long was healthy; its end resets the count of failures. */
const HEALTHY_MS = 60_000

export type SupervisedState = 'stopped' | 'starting' | 'ready' | 'backoff'

export interface SupervisedOptions {
  readonly server: string
  readonly idleMs: number
  /** The time limit for the whole start. */
  readonly startMs: number
  readonly clock: Clock
  /** Returns a number in [0, 1), for the jitter of the backoff. */
  readonly random: () => number
  /** Opens a connection; it calls `onClosed` when the connection closes. */
  readonly open: (onClosed: () => void, signal: AbortSignal) => Promise<Connection>
  readonly onFailure?: ((problem: string, cause: unknown) => void) | undefined
}

/**
 * One connection, opened on first use and shared by concurrent uses, closed when idle. After a failure it is reopened only
 * after a backoff that doubles from half a second to a minute; until then every use fails at once.
 */
export class SupervisedConnection {
  readonly #options: SupervisedOptions
  readonly #stop = new AbortController()
  #connection: Connection | undefined
  #starting: Promise<Connection> | undefined
  #users = 0
  #failures = 0
  #retryAt = 0
  #readyAt = 0
  #problem: string | undefined
  #cancelIdle: (() => void) | undefined
  restarts = 0

  constructor(options: SupervisedOptions) {
    this.#options = options
  }

  get state(): SupervisedState {
    if (this.#connection !== undefined) return 'ready'
    if (this.#starting !== undefined) return 'starting'
    return this.#waitMs() > 0 ? 'backoff' : 'stopped'
  }

  get connection(): Connection | undefined {
    return this.#connection
  }

  /** The reason of the last failure; `undefined` once the connection is ready again. */
  get problem(): string | undefined {
    return this.#problem
  }

  get isIdle(): boolean {
    return this.#users === 0
  }

  /** Runs `work` on the connection, which is opened if necessary. Throws `upstream-down` during the backoff. */
  async use<T>(work: (connection: Connection) => Promise<T>, signal: AbortSignal): Promise<T> {
    const release = this.acquire()
    try {
      return await work(await untilAborted(this.#ready(), signal))
    } finally {
      release()
    }
  }

  /** Keeps the connection open even when idle, until the returned function is called. */
  acquire(): () => void {
    this.#users++
    this.#cancelIdle?.()
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#users--
      if (this.#users === 0) this.#closeWhenIdle()
    }
  }

  /** Closes `connection` without counting a failure; the next use opens a new one. */
  async drop(connection: Connection): Promise<void> {
    if (this.#connection === connection) this.#connection = undefined
    await connection.close()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#cancelIdle?.()
    const connection = this.#connection ?? (await this.#starting?.catch(() => undefined))
    this.#connection = undefined
    await connection?.close()
  }

  #ready(): Promise<Connection> {
    if (this.#stop.signal.aborted) return Promise.reject(this.#downError('is being stopped', undefined))
    if (this.#connection !== undefined) return Promise.resolve(this.#connection)
    const wait = this.#waitMs()
    if (wait > 0 && this.#starting === undefined) {
      return Promise.reject(
        this.#downError(`is down: ${this.#problem ?? 'unknown reason'}`, Math.ceil(wait / 1000)),
      )
    }
    this.#starting ??= this.#start().finally(() => (this.#starting = undefined))
    return this.#starting
  }

  async #start(): Promise<Connection> {
    const { open, clock, startMs } = this.#options
    const deadline = new AbortController()
    const cancelDeadline = clock.after(startMs, () => deadline.abort())
    if (this.#failures > 0) this.restarts++
    let hasClosedEarly = false
    let connection: Connection | undefined
    const onClosed = (): void => {
      if (connection === undefined) hasClosedEarly = true
      else this.#onClosed(connection)
    }
    try {
      connection = await open(onClosed, AbortSignal.any([this.#stop.signal, deadline.signal]))
      if (hasClosedEarly) throw new BrokerError('upstream-failed', 'it ended before it was ready')
    } catch (error) {
      const problem = deadline.signal.aborted ? 'it did not answer in time' : startProblem(error)
      this.#fail(problem, error)
      throw this.#downError(`could not be started: ${problem}`, Math.ceil(this.#waitMs() / 1000), error)
    } finally {
      cancelDeadline()
    }
    this.#connection = connection
    this.#problem = undefined
    this.#readyAt = clock.monotonic()
    this.#closeWhenIdle()
    return connection
  }

  #onClosed(connection: Connection): void {
    if (this.#connection !== connection) return
    this.#connection = undefined
    if (this.#stop.signal.aborted) return
    if (this.#options.clock.monotonic() - this.#readyAt >= HEALTHY_MS) this.#failures = 0
    this.#fail(connection.cutOffReason ?? 'it went away', undefined)
  }

  #fail(problem: string, cause: unknown): void {
    const { clock, random, onFailure } = this.#options
    if (this.#stop.signal.aborted) return
    this.#failures++
    const wait = backoffMs(RESTART_BACKOFF, this.#failures)
    this.#retryAt = clock.monotonic() + wait * (0.5 + random() / 2)
    this.#problem = problem
    onFailure?.(problem, cause)
  }

  #closeWhenIdle(): void {
    this.#cancelIdle?.()
    if (this.#users > 0) return
    this.#cancelIdle = this.#options.clock.after(this.#options.idleMs, () => {
      if (this.#users === 0 && this.#connection !== undefined) void this.drop(this.#connection)
    })
  }

  #waitMs(): number {
    return this.#failures === 0 ? 0 : Math.max(0, this.#retryAt - this.#options.clock.monotonic())
  }

  #downError(what: string, retryAfter: number | undefined, cause?: unknown): BrokerError {
    const { server } = this.#options
    return new BrokerError('upstream-down', `server “${server}” ${what}`, {
      cause,
      details: { provider: server, retryAfter },
    })
  }
}

/** Settles like `promise`, or rejects as soon as `signal` fires; the work behind the promise continues for its other users. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void =>
      reject(new BrokerError('upstream-failed', 'the caller left', { cause: signal.reason }))
    signal.addEventListener('abort', onAbort, { once: true })
    // Attached even if the signal has fired already: otherwise a rejection of `promise` would be unhandled.
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
    if (signal.aborted) onAbort()
  })
}
