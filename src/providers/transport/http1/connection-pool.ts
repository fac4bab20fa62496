import type { Clock } from '../../../base/clock.ts'
import type { Call, Carrier } from './http-call.ts'
import { Connection, type ConnectionOwner, type ConnectionParts, type Timeouts } from './connection.ts'
import type { Dialer } from './connect.ts'
import { tookTooLong, upstreamClosed } from './transport-errors.ts'
import { createTicker, type Ticker } from './ticker.ts'

export interface ConnectionsParts {
  readonly dialer: Dialer
  readonly timeouts: Timeouts
  readonly clock: Clock
  readonly mostConnections: number
}

const MOST_TICK_MS = 500
const LEAST_TICK_MS = 10

/** All connections to one provider: who is free, who is not, and which calls wait for one. */
export class Connections implements ConnectionOwner, Carrier {
  readonly #most: number
  readonly #parts: ConnectionParts
  readonly #ticker: Ticker
  readonly #open = new Set<Connection>()
  /** The last one was used last; the first ones grow old and are closed. */
  readonly #idle: Connection[] = []
  /** Calls that wait for a connection, in their order. */
  readonly #queue = new Set<Call>()
  #closed: PromiseWithResolvers<void> | undefined

  constructor({ dialer, timeouts, clock, mostConnections }: ConnectionsParts) {
    this.#most = mostConnections
    this.#ticker = createTicker(clock, tickFor(timeouts), (nowMs) => this.#check(nowMs))
    this.#parts = { dialer, timeouts, ticker: this.#ticker, owner: this }
  }

  carry(call: Call): void {
    if (this.#closed !== undefined) return queueMicrotask(() => call.fail(upstreamClosed()))
    const idle = this.#takeIdle()
    if (idle !== undefined) return idle.carry(call)
    if (this.#open.size < this.#most) return this.#connect(call)
    call.carrier = this
    call.dueMs = this.#ticker.in(this.#parts.timeouts.headersMs)
    this.#queue.add(call)
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
    if (next !== undefined) connection.carry(next)
    else if (this.#closed === undefined) this.#idle.push(connection)
    else connection.close()
  }

  /** A new connection can't be stale, so nothing is sent a third time. */
  onStale(call: Call): void {
    this.#connect(call)
  }

  onClosed(connection: Connection): void {
    this.#open.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at !== -1) this.#idle.splice(at, 1)
    const next = this.#takeQueued()
    if (next !== undefined) this.#connect(next)
    this.#resolveWhenEmpty()
  }

  drop(call: Call): void {
    this.#queue.delete(call)
  }

  /** A call that waits has nothing to pause yet; its connection will ask it. */
  pause(): void {}
  resume(): void {}

  #connect(call: Call): void {
    this.#ticker.start()
    const connection = new Connection(this.#parts)
    this.#open.add(connection)
    connection.carry(call)
  }

  #takeIdle(): Connection | undefined {
    let connection = this.#idle.pop()
    while (connection !== undefined && !connection.isUsable) connection = this.#idle.pop()
    return connection
  }

  #takeQueued(): Call | undefined {
    for (const call of this.#queue) {
      this.#queue.delete(call)
      return call
    }
    return undefined
  }

  #check(nowMs: number): boolean {
    for (const connection of this.#open) connection.check(nowMs)
    for (const call of this.#queue) if (nowMs >= call.dueMs) this.#giveUp(call)
    return this.#open.size > 0
  }

  #giveUp(call: Call): void {
    this.#queue.delete(call)
    call.fail(tookTooLong('no connection came free', this.#parts.timeouts.headersMs, true))
  }

  #resolveWhenEmpty(): void {
    if (this.#open.size === 0) this.#closed?.resolve()
  }
}

/** Often enough for the shortest limit, seldom enough to cost nothing. */
function tickFor({ connectMs, headersMs, gapMs }: Timeouts): number {
  return Math.max(LEAST_TICK_MS, Math.min(MOST_TICK_MS, Math.min(connectMs, headersMs, gapMs) / 4))
}
