import type { Clock } from '../../../base/clock.ts'
import { createDeadlineTimer, type Timed, type DeadlineTimer } from '../timeouts.ts'
import type { Connector } from './connect.ts'
import { Connection, type ConnectionOwner, type ConnectionParts, type Timeouts } from './connection.ts'
import type { CallHost, HttpCall } from './http-call.ts'
import { tookTooLong, upstreamClosed } from './transport-errors.ts'

export interface ConnectionPoolParts {
  readonly connector: Connector
  readonly timeouts: Timeouts
  readonly clock: Clock
  readonly maxConnections: number
}

const MAX_TICK_MS = 500
const MIN_TICK_MS = 10

/** All connections to one provider, and the calls that wait for one. */
export class ConnectionPool implements ConnectionOwner, CallHost, Timed {
  /** The pool's own place in its timer, while calls wait. */
  place = -1
  readonly #maxConnections: number
  readonly #parts: ConnectionParts
  readonly #timer: DeadlineTimer
  readonly #open = new Set<Connection>()
  /** Used as a stack: the least recently used connections stay idle and are closed. */
  readonly #idle: Connection[] = []
  /** Calls that wait for a connection, in their order. */
  readonly #queue = new Set<HttpCall>()
  #closed: PromiseWithResolvers<void> | undefined

  constructor({ connector, timeouts, clock, maxConnections }: ConnectionPoolParts) {
    this.#maxConnections = maxConnections
    this.#timer = createDeadlineTimer(clock, tickFor(timeouts))
    this.#parts = { connector, timeouts, timer: this.#timer, owner: this }
  }

  send(call: HttpCall): void {
    if (this.#closed !== undefined) return queueMicrotask(() => call.fail(upstreamClosed()))
    const idle = this.#takeIdle()
    if (idle !== undefined) return idle.send(call)
    if (this.#open.size < this.#maxConnections) return this.#connect(call)
    call.host = this
    call.dueMs = this.#timer.in(this.#parts.timeouts.headersMs)
    this.#queue.add(call)
    this.#timer.add(this)
    return undefined
  }

  /** Resolves when the last call has ended and the last connection is closed. */
  close(): Promise<void> {
    this.#closed ??= Promise.withResolvers()
    for (const connection of this.#idle.splice(0)) connection.close()
    this.#resolveWhenEmpty()
    return this.#closed.promise
  }

  onFree(connection: Connection): void {
    const next = this.#takeQueued()
    if (next !== undefined) connection.send(next)
    else if (this.#closed === undefined) this.#idle.push(connection)
    else connection.close()
  }

  onUnsent(call: HttpCall): void {
    this.#connect(call)
  }

  onStale(): void {
    for (const connection of this.#idle.splice(0)) connection.close()
  }

  onClosed(connection: Connection): void {
    this.#open.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at !== -1) this.#idle.splice(at, 1)
    const next = this.#takeQueued()
    if (next !== undefined) this.#connect(next)
    this.#resolveWhenEmpty()
  }

  drop(call: HttpCall): void {
    this.#queue.delete(call)
  }

  /** A queued call has nothing to pause yet; its connection will read `isPaused`. */
  pause(): void {}
  resume(): void {}

  /** Fails the calls that have waited for too long for a connection. */
  check(nowMs: number): void {
    for (const call of this.#queue) if (nowMs >= call.dueMs) this.#giveUp(call)
    if (this.#queue.size === 0) this.#timer.delete(this)
  }

  #connect(call: HttpCall): void {
    const connection = new Connection(this.#parts)
    this.#open.add(connection)
    connection.send(call)
  }

  #takeIdle(): Connection | undefined {
    let connection = this.#idle.pop()
    while (connection !== undefined && !connection.isUsable) connection = this.#idle.pop()
    return connection
  }

  #takeQueued(): HttpCall | undefined {
    for (const call of this.#queue) {
      this.#queue.delete(call)
      return call
    }
    return undefined
  }

  #giveUp(call: HttpCall): void {
    this.#queue.delete(call)
    call.fail(tookTooLong('no connection came free', this.#parts.timeouts.headersMs, true))
  }

  #resolveWhenEmpty(): void {
    if (this.#open.size === 0) this.#closed?.resolve()
  }
}

/** Often enough for the shortest timeout, seldom enough to cost nothing. */
function tickFor({ connectMs, headersMs, gapMs }: Timeouts): number {
  return Math.max(MIN_TICK_MS, Math.min(MAX_TICK_MS, Math.min(connectMs, headersMs, gapMs) / 4))
}
