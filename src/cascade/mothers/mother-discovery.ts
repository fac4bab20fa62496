import { backoffMs, type BackoffLimits } from '../../base/backoff.ts'
import type { Clock } from '../../base/clock.ts'
import { asBrokerError } from '../../base/errors.ts'

/** `unknown` until the first list was requested. */
export interface MotherStatus {
  readonly state: 'unknown' | 'up' | 'down'
  /** How many models her last list has. */
  readonly models: number
  /** Why the last request for her list failed. */
  readonly problem: string | undefined
  /** When she was last asked, in milliseconds since the epoch. */
  readonly checkedAt: number | undefined
}

/** Asks each mother for her models, again and again, and knows whether she is there. */
export interface MotherDiscovery {
  status(id: string): MotherStatus
  /** Follows a change of the mothers; the first request for the list of a new one is on its way when this returns. */
  follow(ids: readonly string[]): void
  /** Resolves when the running request for her list has ended, or after `ms`. */
  whenAsked(id: string, ms: number): Promise<void>
  close(): void
}

export interface MotherDiscoveryParts {
  readonly clock: Clock
  /** Requests the list of models of a mother. */
  readonly fetchModels: (id: string) => Promise<unknown>
  /** Takes a list; `undefined` when a mother is no longer followed. */
  readonly onModels: (id: string, list: unknown) => void
  readonly log: { warn(details: object, message: string): void; info(details: object, message: string): void }
}

/** A list is a minute old at most while the mother is up. */
const REFRESH_MS = 60_000
const RETRY: BackoffLimits = { firstMs: 1000, maxMs: 30_000 }
const UNKNOWN: MotherStatus = { state: 'unknown', models: 0, problem: undefined, checkedAt: undefined }

export function createMotherDiscovery(parts: MotherDiscoveryParts): MotherDiscovery {
  return new Discovery(parts)
}

/** One mother that is followed. */
interface Followed {
  status: MotherStatus
  failures: number
  running: Promise<void>
  cancel: () => void
}

class Discovery implements MotherDiscovery {
  readonly #parts: MotherDiscoveryParts
  readonly #followed = new Map<string, Followed>()

  constructor(parts: MotherDiscoveryParts) {
    this.#parts = parts
  }

  status(id: string): MotherStatus {
    return this.#followed.get(id)?.status ?? UNKNOWN
  }

  follow(ids: readonly string[]): void {
    for (const [id, followed] of this.#followed) {
      // Her address may have changed, so that she is asked anew; until then her last list stays.
      followed.cancel()
      if (ids.includes(id)) continue
      this.#followed.delete(id)
      this.#parts.onModels(id, undefined)
    }
    for (const id of ids) {
      const status = this.#followed.get(id)?.status ?? UNKNOWN
      const fresh: Followed = { status, failures: 0, running: Promise.resolve(), cancel: () => undefined }
      this.#followed.set(id, fresh)
      fresh.running = this.#ask(id, fresh)
    }
  }

  whenAsked(id: string, ms: number): Promise<void> {
    const running = this.#followed.get(id)?.running
    if (running === undefined) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(ms, resolve)
      void running.then(() => {
        cancel()
        resolve()
      })
    })
  }

  close(): void {
    for (const { cancel } of this.#followed.values()) cancel()
    this.#followed.clear()
  }

  async #ask(id: string, followed: Followed): Promise<void> {
    const { fetchModels, onModels, clock } = this.#parts
    try {
      const list = await fetchModels(id)
      if (this.#followed.get(id) !== followed) return
      onModels(id, list)
      this.#noteUp(id, followed, countOf(list))
    } catch (error) {
      if (this.#followed.get(id) !== followed) return
      this.#noteDown(id, followed, asBrokerError(error).message)
    }
    const waitMs = followed.failures === 0 ? REFRESH_MS : backoffMs(RETRY, followed.failures)
    followed.cancel = clock.after(waitMs, () => {
      followed.running = this.#ask(id, followed)
    })
  }

  #noteUp(id: string, followed: Followed, models: number): void {
    if (followed.status.state !== 'up') this.#parts.log.info({ mother: id, models }, 'a mother is up')
    followed.failures = 0
    followed.status = { state: 'up', models, problem: undefined, checkedAt: this.#parts.clock.now() }
  }

  #noteDown(id: string, followed: Followed, problem: string): void {
    if (followed.status.state !== 'down')
      this.#parts.log.warn({ mother: id, problem }, 'a mother is down; she is asked again')
    followed.failures++
    const { models } = followed.status
    followed.status = { state: 'down', models, problem, checkedAt: this.#parts.clock.now() }
  }
}

function countOf(list: unknown): number {
  const rows = (list as { data?: unknown } | null | undefined)?.data
  return Array.isArray(rows) ? rows.length : 0
}
