import type { Clock } from '../../../base/clock.ts'
import { BrokerError } from '../../../base/errors.ts'
import { callerKey } from '../../../auth/caller.ts'
import type { ToolCaller } from '../../../mcp/policy/tool-policy.ts'

const IDLE_MS = 60 * 60_000
const MAX_AGE_MS = 24 * 60 * 60_000
const SWEEP_MS = 60_000
const MAX_SESSIONS = 1000
const MAX_PER_CALLER = 100
/** A session unused for this long and without open requests makes room for a new one: many clients never end theirs. */
const ABANDONED_MS = 60_000

interface Entry<T> {
  readonly caller: string
  readonly value: T
  readonly openedAt: number
  usedAt: number
  /** Number of unfinished requests and streams. */
  open: number
}

/**
 * Sessions by id, each bound to the caller that opened it: an id alone gives no access. A session ends when it is unused for an
 * hour or a day old, even while it has an open stream; and sooner when it has to make room for a new one.
 */
export class SessionTable<T extends { close(): Promise<void> }> {
  readonly #entries = new Map<string, Entry<T>>()
  readonly #clock: Clock
  #cancelSweep: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Makes room for a new session of a caller; call it before `add`. Throws `over-limit` when there are too many. */
  admit(caller: ToolCaller): void {
    const key = callerKey(caller)
    const counts = this.#counts()
    const own = counts.get(key) ?? 0
    if (own < MAX_PER_CALLER && this.#entries.size < MAX_SESSIONS) return
    const hasEnded =
      own >= MAX_PER_CALLER
        ? this.#endAbandoned(({ caller }) => caller === key)
        : this.#endAbandoned(() => true) || this.#endOneOfBusiest(counts, own)
    if (hasEnded) return
    throw new BrokerError('over-limit', 'too many MCP sessions are open; close some', {
      details: { retryAfter: 60 },
    })
  }

  #counts(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { caller } of this.#entries.values()) counts.set(caller, (counts.get(caller) ?? 0) + 1)
    return counts
  }

  #endAbandoned(mayEnd: (entry: Entry<T>) => boolean): boolean {
    const before = this.#clock.monotonic() - ABANDONED_MS
    return this.#endOldest((entry) => entry.open === 0 && entry.usedAt <= before && mayEnd(entry))
  }

  /** Ends a session of the busiest caller, so that its many sessions keep no other caller out. */
  #endOneOfBusiest(counts: ReadonlyMap<string, number>, own: number): boolean {
    const [busiest, number] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))
    return number > own + 1 && this.#endOldest(({ caller }) => caller === busiest)
  }

  /** Ends the session that is unused for longest among those that may end; `false` if there is none. */
  #endOldest(mayEnd: (entry: Entry<T>) => boolean): boolean {
    const found = [...this.#entries]
      .filter(([, entry]) => mayEnd(entry))
      .sort(([, a], [, b]) => Number(a.open > 0) - Number(b.open > 0) || a.usedAt - b.usedAt)[0]
    if (found === undefined) return false
    this.#entries.delete(found[0])
    void found[1].value.close()
    return true
  }

  add(id: string, caller: ToolCaller, value: T): void {
    const now = this.#clock.monotonic()
    this.#entries.set(id, { caller: callerKey(caller), value, openedAt: now, usedAt: now, open: 0 })
    this.#cancelSweep ??= this.#clock.after(SWEEP_MS, () => this.#sweep())
  }

  /** The session of this id if it belongs to this caller, for a request that lasts until the signal fires. */
  get(id: string, caller: ToolCaller, finished?: AbortSignal): T | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined || entry.caller !== callerKey(caller)) return undefined
    entry.usedAt = this.#clock.monotonic()
    if (finished !== undefined && !finished.aborted) {
      entry.open++
      finished.addEventListener('abort', () => this.#endRequest(entry), { once: true })
    }
    return entry.value
  }

  #endRequest(entry: Entry<T>): void {
    entry.open--
    entry.usedAt = this.#clock.monotonic()
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
      if (now - usedAt < IDLE_MS && now - openedAt < MAX_AGE_MS) continue
      this.#entries.delete(id)
      void value.close()
    }
    this.#cancelSweep =
      this.#entries.size === 0 ? undefined : this.#clock.after(SWEEP_MS, () => this.#sweep())
  }
}
