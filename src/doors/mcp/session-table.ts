import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import { type ToolCaller, callerKey } from '../../mcp/tool-policy.ts'

const IDLE_MS = 60 * 60_000
const LONGEST_MS = 24 * 60 * 60_000
const SWEEP_MS = 60_000
const MOST_SESSIONS = 1000
const MOST_PER_CALLER = 100

interface Entry<T> {
  readonly caller: string
  readonly value: T
  readonly openedAt: number
  usedAt: number
}

/**
 * Sessions by id, each bound to the caller that opened it: an id alone opens nothing. They end when unused for an hour
 * or a day old, also while a stream of theirs is open.
 */
export class SessionTable<T extends { close(): Promise<void> }> {
  readonly #entries = new Map<string, Entry<T>>()
  readonly #clock: Clock
  #cancelSweep: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** To be asked before a session is made for a caller. Throws `over-limit` when there are too many. */
  admit(caller: ToolCaller): void {
    const key = callerKey(caller)
    const own = [...this.#entries.values()].filter((entry) => entry.caller === key).length
    if (own >= MOST_PER_CALLER || this.#entries.size >= MOST_SESSIONS) {
      throw new BrokerError('over-limit', 'too many MCP sessions are open; close some', {
        details: { retryAfter: 60 },
      })
    }
  }

  add(id: string, caller: ToolCaller, value: T): void {
    const now = this.#clock.monotonic()
    this.#entries.set(id, { caller: callerKey(caller), value, openedAt: now, usedAt: now })
    this.#cancelSweep ??= this.#clock.after(SWEEP_MS, () => this.#sweep())
  }

  /** The session of this id if it is this caller's. */
  get(id: string, caller: ToolCaller): T | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined || entry.caller !== callerKey(caller)) return undefined
    entry.usedAt = this.#clock.monotonic()
    return entry.value
  }

  delete(id: string): void {
    this.#entries.delete(id)
  }

  async close(): Promise<void> {
    this.#cancelSweep?.()
    const values = [...this.#entries.values()].map(({ value }) => value)
    this.#entries.clear()
    await Promise.all(values.map((value) => value.close()))
  }

  #sweep(): void {
    const now = this.#clock.monotonic()
    for (const [id, { value, openedAt, usedAt }] of this.#entries) {
      if (now - usedAt < IDLE_MS && now - openedAt < LONGEST_MS) continue
      this.#entries.delete(id)
      void value.close()
    }
    this.#cancelSweep =
      this.#entries.size === 0 ? undefined : this.#clock.after(SWEEP_MS, () => this.#sweep())
  }
}
